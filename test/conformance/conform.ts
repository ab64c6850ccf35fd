import { test } from 'vitest';
import type { Resource } from '../../src/xds/resource.ts';
import type { Variant } from '../../src/xds/subscription.ts';
import type { DeltaStream, SotwStream } from '../support/raw-xds-client.ts';
import { deltaPeer, type Peer, sotwPeer } from './peer.ts';
import { servicePath } from './service-paths.ts';
import { type Fixture, type FixtureOptions, startFixture } from './xds-fixture.ts';

/** Where a rule is tried: which transport serves it, and over the aggregated service or that of the type. */
export interface Lane {
  readonly transport: 'http2' | 'grpc-js';
  readonly services: 'ADS' | 'per-type';
}

type Headers = Readonly<Record<string, string>>;

/** A fixture that opens its streams in the lane of the test. */
export interface LaneFixture extends Fixture {
  delta(typeUrl: string, headers?: Headers): DeltaStream;
  sotw(typeUrl: string, headers?: Headers): SotwStream;
  /** A client of one type in the variant of the test. */
  peer(typeUrl: string, headers?: Headers): Peer;
}

/** What a test body gets. Fixtures are closed when it ends. */
export interface Lab {
  readonly lane: Lane;
  readonly variant: Variant;
  start(resources: readonly Resource[] | undefined, options?: FixtureOptions): Promise<LaneFixture>;
}

const transports = ['http2', 'grpc-js'] as const;
const aggregated: readonly Lane[] = transports.map((transport) => ({ transport, services: 'ADS' }));
const perType: readonly Lane[] = transports.map((transport) => ({ transport, services: 'per-type' }));

/** Tries a rule about one type in every lane. The body speaks one variant, or both. */
export function conform(title: string, body: (lab: Lab) => Promise<void>): void {
  for (const lane of [...aggregated, ...perType]) register(title, lane, undefined, body);
}

/** Tries a rule that concerns several types of one stream, or the connection, so on the aggregated service only. */
export function conformAds(title: string, body: (lab: Lab) => Promise<void>): void {
  for (const lane of aggregated) register(title, lane, undefined, body);
}

/** As `conformAds`, with no other test of the file beside it: for what measures. */
export function conformAlone(title: string, body: (lab: Lab) => Promise<void>): void {
  for (const lane of aggregated) register(title, lane, undefined, body, test);
}

/** Tries a rule about one type in every lane, in delta and in SotW with the same body. */
export function conformBoth(title: string, body: (lab: Lab) => Promise<void>): void {
  for (const lane of [...aggregated, ...perType])
    for (const variant of ['delta', 'sotw'] as const) register(title, lane, variant, body);
}

function register(
  title: string,
  lane: Lane,
  variant: Variant | undefined,
  body: (lab: Lab) => Promise<void>,
  run: typeof test | typeof test.concurrent = test.concurrent,
): void {
  const place = [lane.transport, lane.services, ...(variant === undefined ? [] : [variant])].join(' ');
  run(`${title} [${place}]`, { timeout: 120_000 }, async () => {
    const fixtures: Fixture[] = [];
    const lab: Lab = {
      lane,
      variant: variant ?? 'delta',
      async start(resources, options = {}) {
        const fixture = await startFixture(resources, { transport: lane.transport, ...options });
        fixtures.push(fixture);
        return inLane(fixture, lane, variant ?? 'delta');
      },
    };
    try {
      await body(lab);
    } finally {
      await Promise.all(fixtures.map((fixture) => fixture.close()));
    }
  });
}

function inLane(fixture: Fixture, lane: Lane, variant: Variant): LaneFixture {
  const { client } = fixture;
  const alone = lane.services === 'per-type';
  const delta = (typeUrl: string, headers?: Headers) =>
    alone ? client.stream(servicePath(typeUrl, 'delta'), 'delta', headers) : client.delta(headers);
  const sotw = (typeUrl: string, headers?: Headers) =>
    alone ? client.stream(servicePath(typeUrl, 'sotw'), 'sotw', headers) : client.sotw(headers);
  return {
    ...fixture,
    delta,
    sotw,
    peer: (typeUrl, headers) =>
      variant === 'delta' ? deltaPeer(delta(typeUrl, headers), typeUrl) : sotwPeer(sotw(typeUrl, headers), typeUrl),
  };
}
