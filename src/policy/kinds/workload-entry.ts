import { isIP } from 'node:net';
import { isLabel } from '../../model/identity.ts';
import { parseLocality } from '../../model/locality.ts';
import type { WorkloadEntryObject } from '../../model/policy.ts';
import type { WorkloadEntrySpec } from '../../model/registry-objects.ts';
import { isSocket } from '../../model/socket-path.ts';
import { type LowerContext, networking, supportedKind } from '../kind-definition.ts';
import type { Infer } from '../shape.ts';
import { count, labels, map, object, port, refused, row, text } from '../shape-builders.ts';
import { textRules } from '../text-rules.ts';
import { beside, checkLabelName, present } from './common.ts';

/** Networks may use the same addresses. */
const elsewhere =
  'remove it where the address is that of this very machine from here, too; else remove the whole entry';

/** The body of a WorkloadEntry, also inline in a ServiceEntry. */
const fields = {
  address: row(text(undefined, { maxLength: 256 }), 'T0', 'where it listens: IP address, DNS name or unix:///path'),
  ports: row(map('port-key', port, { max: 128 }), 'T0', 'its port for a port name of a service'),
  labels: row(labels, 'T0', 'what selectors see'),
  network: row(
    refused('T2', text(undefined, { maxLength: 2048, allowEmpty: true }), { hint: elsewhere }),
    'T2',
    'network gateway',
  ),
  locality: row(text(undefined, { maxLength: 2048, allowEmpty: true }), 'T0', 'locality of the endpoint'),
  weight: row(count, 'T0', 'load_balancing_weight'),
  serviceAccount: row(text(undefined, { maxLength: 253, allowEmpty: true }), 'T0', 'identity that callers expect'),
};

/** With a network, which is refused by name, Istio does without the address. */
export const workloadEntryShape = object(fields, { atLeastOne: [['address', 'network']] });
/** What is known of workloads that have not joined yet: no address. */
export const workloadTemplate = object(fields);

/** What the address of a socket has room for, on Linux. */
const longestPath = 107;

/** A socket's path, or its name after "@"; neither has ports. */
function checkSocket(address: string, hasPorts: boolean, path: string, context: LowerContext): void {
  const socket = address.slice('unix://'.length);
  if (!/^(?:\/|@)/.test(socket) || (socket.startsWith('/') && socket.endsWith('/'))) {
    const message = `expected unix:// and an absolute path or "@name", got ${JSON.stringify(address)}`;
    context.report('WEFT0002', `${path}.address`, message, 'write unix:///path/to/socket');
  } else if (Buffer.byteLength(socket) > longestPath) {
    const message = `expected a path of at most ${longestPath} bytes, got ${Buffer.byteLength(socket)}`;
    context.report('WEFT0002', `${path}.address`, message, 'shorten it: sockets have no longer names');
  } else if (hasPorts) {
    const message = 'a unix socket and ports exclude each other';
    context.report('WEFT0137', `${path}.ports`, message, 'remove ports', beside(context, path, 'address'));
  }
}

/** Whether it is an IP address or a host name. */
export function isAddress(address: string): boolean {
  return isIP(address) !== 0 || (textRules.host(address) === undefined && !address.includes('*'));
}

/** The body at `path`; `labels` are those that win over its own. */
export function lowerWorkloadEntry(
  written: Infer<typeof workloadEntryShape>,
  path: string,
  outer: Readonly<Record<string, string>>,
  context: LowerContext,
): WorkloadEntrySpec {
  const { address = '', serviceAccount, locality } = written;
  if (written.address === undefined) {
    context.report('WEFT0002', path, 'expected "address", which is required', 'add address, such as 10.0.0.7');
  } else if (isSocket(address)) checkSocket(address, written.ports !== undefined, path, context);
  else if (!isAddress(address)) {
    const message = `expected an IP address or a host name, got ${JSON.stringify(address)}`;
    context.report(
      'WEFT0002',
      `${path}.address`,
      message,
      address.includes(':')
        ? 'write the address alone: the port stands under ports'
        : 'write an address such as 10.0.0.7, or a name of DNS',
    );
  }
  // It becomes a part of a SPIFFE ID, whose parts are labels here.
  if (serviceAccount && !isLabel(serviceAccount)) {
    const hint = 'give it an account without dots; without any it is called in plaintext';
    context.refuse(`${path}.serviceAccount`, 'T2', serviceAccount, { hint });
  }
  return present<WorkloadEntrySpec>({
    address: isIP(address) !== 0 || isSocket(address) ? address : address.toLowerCase().replace(/\.$/, ''),
    ports: written.ports ?? {},
    labels: { ...written.labels, ...outer },
    serviceAccount: serviceAccount || undefined,
    locality: locality ? parseLocality(locality) : undefined,
    weight: written.weight,
  });
}

/** WorkloadEntry: a workload that is written down. `network` is refused by name. */
export const workloadEntry = supportedKind<typeof workloadEntryShape, WorkloadEntryObject>({
  kind: 'WorkloadEntry',
  apiVersions: networking,
  spec: workloadEntryShape,
  lower(spec, context) {
    checkLabelName(context);
    for (const key of Object.keys(context.labels)) context.place(`spec.labels.${key}`, `metadata.labels.${key}`);
    return lowerWorkloadEntry(spec, 'spec', context.labels, context);
  },
});
