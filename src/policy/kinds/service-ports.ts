import { nearestName } from '../../model/nearest-name.ts';
import type { Protocol } from '../../model/policy.ts';
import { isProtocol, protocolOfName, protocols } from '../../model/protocol.ts';
import type { ServicePortSpec } from '../../model/registry-objects.ts';
import type { LowerContext } from '../kind-definition.ts';
import { present } from './common.ts';

const families = 'use tcp, tls, https, http, http2, grpc, grpc-web, mongo, mysql or redis';
const aliases: Readonly<Record<string, Protocol>> = {
  'kubernetes.io/h2c': 'http2',
  'kubernetes.io/ws': 'http',
  'kubernetes.io/wss': 'https',
};

/** What a word declares: undefined for what is refused (WEFT0119). */
export function protocolOf(word: string): Protocol | undefined {
  const lower = word.toLowerCase();
  if (isProtocol(lower)) return lower;
  return Object.hasOwn(aliases, lower) ? aliases[lower] : undefined;
}

/** Words that are protocols of their own, however near they are to one of ours. */
const otherProtocols = /^(?:udp|sctp|dccp|amqp|smtp|ftp|http3)$/i;

/** Names are short, so that only one letter may differ. A word in capitals is answered in capitals. */
function protocolHint(word: string): string {
  const near = otherProtocols.test(word) ? undefined : nearestName(word, protocols, 1);
  if (near === undefined) return families;
  return `did you mean ${JSON.stringify(word === word.toUpperCase() ? near.toUpperCase() : near)}?`;
}

interface WrittenPort {
  readonly name?: string | undefined;
  readonly number: number;
  readonly targetPort?: number | string | undefined;
  /** A word that declares the protocol, and its field. */
  readonly stated?: { readonly word: string; readonly field: string } | undefined;
}

/** P28: the protocol of a port, declared or not (WEFT0118, WEFT0119). `field` is the port's place. */
export function lowerPort(port: WrittenPort, field: string, context: LowerContext): ServicePortSpec {
  const stated = port.stated && protocolOf(port.stated.word);
  if (port.stated && !stated) {
    const message = `protocol ${JSON.stringify(port.stated.word)} is not supported`;
    context.report('WEFT0119', port.stated.field, message, protocolHint(port.stated.word));
  }
  const known = stated ?? (port.stated ? undefined : protocolOfName((port.name ?? '').toLowerCase()));
  if (!known && !port.stated) {
    const message = `port ${port.number} of ${context.name} has no protocol, treated as tcp`;
    context.report(
      'WEFT0118',
      field,
      message,
      'set its protocol (appProtocol), name it http-..., or let policy.protocolDetection: auto of weft.yaml look',
    );
  }
  return present<ServicePortSpec>({
    name: port.name,
    port: port.number,
    targetPort: port.targetPort,
    protocol: known ?? 'tcp',
    declared: known !== undefined,
  });
}
