import type { KeyServer } from '../model/ir-inbound.ts';
import type { Mesh } from '../model/mesh.ts';
import { provenance } from '../model/policy-provenance.ts';
import { type Provenance, refText } from '../model/provenance.ts';
import type { Proxy } from '../model/proxy.ts';
import { resolveInbound } from '../resolve/inbound.ts';

/** A rule whose keys a workload fetches; `by`: the line of its `jwksUri`. */
export interface FetchedKeys {
  readonly issuer: string;
  readonly uri: string;
  readonly keysFrom: KeyServer | undefined;
  readonly by: Provenance;
}

/** `the keys of https://accounts.example at http://keys/jwks.json`, or those of one of several. */
export function keysText(among: readonly FetchedKeys[]): string {
  const all = among.map(({ issuer, uri }) => `${issuer} at ${uri}`);
  return all.length === 1 ? `the keys of ${all[0]}` : `the keys of one of ${all.join(', ')}`;
}

/** The rules of a workload whose keys are fetched, each URL once. */
export function fetchedKeys(mesh: Mesh, proxy: Proxy): readonly FetchedKeys[] {
  const tokens = resolveInbound(mesh, proxy).find((port) => port.tokens)?.tokens;
  const found = (tokens?.rules ?? []).flatMap(({ rule, by, keysFrom }) => {
    if (rule.keys.kind !== 'remote') return [];
    const text = refText(by.object);
    const object = mesh.policies.objects.find((each) => refText(each) === text);
    const place = object === undefined ? by : provenance(object, `${by.field}.jwksUri`);
    return [[rule.keys.uri, { issuer: rule.issuer, uri: rule.keys.uri, keysFrom, by: place }] as const];
  });
  return [...new Map([...found].reverse()).values()].reverse();
}
