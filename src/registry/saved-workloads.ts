import { compareText } from '../model/compare-text.ts';
import { isLabel, spiffeId } from '../model/identity.ts';
import type { MeshSettings } from '../model/mesh.ts';
import type { Labels } from '../model/policy.ts';
import { isProtocol } from '../model/protocol.ts';
import type { Locality } from '../model/registry-objects.ts';
import type { Workload, WorkloadPort } from '../model/workload.ts';
import { parseAddress } from './address.ts';
import type { DrainedRun } from './drained-runs.ts';
import type { KnownWorkload } from './joined-members.ts';

/** The key of the StateStore under which joined workloads survive a restart. */
export const savedWorkloadsKey = 'registry/joined.json';

export interface SavedWorkloads {
  readonly known: readonly KnownWorkload[];
  /** Runs that said goodbye: they do not become healthy again. */
  readonly drained: readonly DrainedRun[];
}

/** Joined workloads as bytes. Of what is draining only its run is kept: after a restart it comes back as draining, or not at all. */
export function saveWorkloads({ known, drained }: SavedWorkloads): Uint8Array {
  const workloads = known
    .filter(({ workload }) => workload.health !== 'draining')
    .sort((a, b) => compareText(a.workload.id, b.workload.id))
    .map(({ workload, run }) => ({ ...workload, run }));
  return new TextEncoder().encode(`${JSON.stringify({ version: 1, workloads, drained })}\n`);
}

/**
 * The workloads of saved bytes. Identities are made anew for the present trust domain. Throws SyntaxError if the bytes are not what
 * `saveWorkloads` writes.
 */
export function loadWorkloads(bytes: Uint8Array, settings: MeshSettings): SavedWorkloads {
  const saved: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  const { version, workloads, drained = [] } = fieldsOf(saved);
  if (version !== 1 || !Array.isArray(workloads) || !Array.isArray(drained))
    throw new SyntaxError('not a list of saved workloads, version 1');
  return {
    known: workloads.map((item) => {
      const fields = fieldsOf(item);
      const workload = workloadOf(fields, settings);
      return fields.run === undefined ? { workload } : { workload, run: text(fields, 'run') };
    }),
    drained: drained.map((item) => ({ id: text(fieldsOf(item), 'id'), run: text(fieldsOf(item), 'run') })),
  };
}

type Fields = Readonly<Record<string, unknown>>;

function workloadOf(fields: Fields, settings: MeshSettings): Workload {
  const namespace = text(fields, 'namespace');
  const serviceAccount = text(fields, 'serviceAccount');
  const name = text(fields, 'name');
  const address = parseAddress(text(fields, 'address'));
  const service = text(fields, 'service');
  const ports = Array.isArray(fields.ports) ? fields.ports.map((port) => portOf(fieldsOf(port))) : undefined;
  if (address === undefined || ports === undefined || ![namespace, serviceAccount, name, service].every(isLabel)) {
    throw new SyntaxError(`workload ${JSON.stringify(name)} is damaged`);
  }
  return {
    id: `${name}.${namespace}`,
    name,
    namespace,
    labels: labelsOf(fieldsOf(fields.labels)),
    granted: labelsOf(fieldsOf(fields.granted ?? { app: service })),
    service,
    identity: spiffeId({ trustDomain: settings.trustDomain, namespace, serviceAccount }),
    serviceAccount,
    address,
    ports,
    ...(fields.locality === undefined ? {} : { locality: localityOf(fieldsOf(fields.locality)) }),
    weight: 1,
    health: 'healthy',
    source: 'proxy',
    ...(fields.group === undefined ? {} : { group: { name: text(fieldsOf(fields.group), 'name') } }),
  };
}

function labelsOf(fields: Fields): Labels {
  return Object.fromEntries(Object.keys(fields).map((key) => [key, text(fields, key)]));
}

function localityOf(fields: Fields): Locality {
  return { region: text(fields, 'region'), zone: text(fields, 'zone'), subzone: text(fields, 'subzone') };
}

function portOf(fields: Fields): WorkloadPort {
  const { name, port, endpointPort, protocol } = fields;
  if (typeof port !== 'number' || typeof endpointPort !== 'number') throw new SyntaxError('a port is damaged');
  return {
    ...(typeof name === 'string' ? { name } : {}),
    port,
    endpointPort,
    ...(typeof protocol === 'string' && isProtocol(protocol) ? { protocol } : {}),
  };
}

function fieldsOf(value: unknown): Fields {
  if (typeof value !== 'object' || value === null) throw new SyntaxError('expected an object');
  return value as Fields;
}

function text(fields: Fields, key: string): string {
  const value = fields[key];
  if (typeof value !== 'string') throw new SyntaxError(`${key} is not a text`);
  return value;
}
