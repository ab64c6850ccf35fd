import type { status } from '@grpc/grpc-js';
import { type DeltaStream, type SotwStream, sotwName } from '../support/raw-xds-client.ts';
import { node } from './xds-fixture.ts';

/** What a response says, in words that both variants have. Names are sorted. */
export interface Told {
  readonly typeUrl: string;
  readonly nonce: string;
  readonly version: string;
  readonly names: readonly string[];
  readonly removed: readonly string[];
  /** Bytes of each resource by name. */
  readonly values: ReadonlyMap<string, string>;
  readonly identifier: string;
}

/** A client of one type that speaks either variant. It says only what the test tells it to. */
export interface Peer {
  /** Wants exactly these names from now on; none means the wildcard for LDS and CDS. */
  ask(names?: readonly string[]): void;
  next(within?: number): Promise<Told>;
  ack(told: Told): void;
  nack(told: Told, message: string): void;
  /** The next response, acknowledged. */
  take(within?: number): Promise<Told>;
  silence(milliseconds?: number): Promise<void>;
  waiting(): number;
  readonly closed: Promise<{ readonly code: status; readonly details: string }>;
  halfClose(): void;
  cancel(): void;
}

/** Speaks delta: asks by differences. */
export function deltaPeer(stream: DeltaStream, typeUrl: string, who: { readonly id: string } = node): Peer {
  let wanted: readonly string[] | undefined;
  return withTake(stream, {
    ask(names = []) {
      const before = wanted ?? [];
      const introduction = wanted === undefined ? { node: who } : {};
      wanted = names;
      stream.send({
        ...introduction,
        typeUrl,
        resourceNamesSubscribe: names.filter((name) => !before.includes(name)),
        resourceNamesUnsubscribe: before.filter((name) => !names.includes(name)),
      });
    },
    async next(within) {
      const response = await stream.next(within);
      return {
        typeUrl: response.typeUrl,
        nonce: response.nonce,
        version: response.resources.map(({ version }) => version).join(' '),
        names: response.resources.map(({ name }) => name).sort(),
        removed: [...response.removedResources].sort(),
        values: new Map(response.resources.map(({ name, resource }) => [name, hex(resource?.value)])),
        identifier: response.controlPlane?.identifier ?? '',
      };
    },
    ack: ({ nonce }) => stream.send({ typeUrl, responseNonce: nonce }),
    nack: ({ nonce }, message) => stream.send({ typeUrl, responseNonce: nonce, errorDetail: { code: 13, message } }),
  });
}

/** Speaks SotW: every request carries the whole set of names, and the version taken last. */
export function sotwPeer(stream: SotwStream, typeUrl: string, who: { readonly id: string } = node): Peer {
  let wanted: readonly string[] = [];
  let taken = { nonce: '', version: '' };
  let introduced = false;
  const send = (nonce: string, versionInfo: string, more: object = {}) =>
    stream.send({ typeUrl, responseNonce: nonce, versionInfo, resourceNames: [...wanted], ...more });
  return withTake(stream, {
    ask(names = []) {
      wanted = names;
      send(taken.nonce, taken.version, introduced ? {} : { node: who });
      introduced = true;
    },
    async next(within) {
      const response = await stream.next(within);
      taken = { nonce: response.nonce, version: taken.version };
      return {
        typeUrl: response.typeUrl,
        nonce: response.nonce,
        version: response.versionInfo,
        names: response.resources.map(sotwName).sort(),
        removed: [],
        values: new Map(response.resources.map((any) => [sotwName(any), hex(any.value)])),
        identifier: response.controlPlane?.identifier ?? '',
      };
    },
    ack({ nonce, version }) {
      taken = { nonce, version };
      send(nonce, version);
    },
    nack: ({ nonce }, message) => send(nonce, taken.version, { errorDetail: { code: 13, message } }),
  });
}

type Words = Pick<Peer, 'ask' | 'next' | 'ack' | 'nack'>;

function withTake(stream: Omit<Peer, keyof Words | 'take'>, words: Words): Peer {
  return {
    ...words,
    async take(within) {
      const told = await words.next(within);
      words.ack(told);
      return told;
    },
    silence: (milliseconds) => stream.silence(milliseconds),
    waiting: () => stream.waiting(),
    closed: stream.closed,
    halfClose: () => stream.halfClose(),
    cancel: () => stream.cancel(),
  };
}

function hex(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString('hex');
}
