import type { AuthorizationQuestion } from '../model/authorization-answer.ts';
import { parseSpiffeId } from '../model/identity.ts';
import type { Mesh } from '../model/mesh.ts';
import { trustDomainsOf } from '../model/mesh-config.ts';
import type { Proxy } from '../model/proxy.ts';
import type { RouteCaller } from './route-answer.ts';
import { callerOf } from './route-caller.ts';

/** Who calls, and as whom. */
export interface AuthorizationCaller extends RouteCaller {
  /** Its SPIFFE ID without `spiffe://`; absent: it calls in plaintext. */
  readonly principal?: string;
}

/**
 * The caller of a question: a principal, written with or without `spiffe://`, stands for a caller of its namespace without labels.
 * `identityOf`: what a workload proves itself as. Throws Failure WEFT0920 for a name that nobody has.
 */
export function authorizationCaller(
  mesh: Mesh,
  { from, namespace }: Pick<AuthorizationQuestion, 'from' | 'namespace'>,
  find: (question: {
    readonly from?: string;
    readonly namespace: string;
  }) => (RouteCaller & Pick<Proxy, 'identity'>) | RouteCaller = (question) => callerOf(mesh, question),
): AuthorizationCaller {
  const identity = from === undefined ? undefined : parseSpiffeId(`spiffe://${from.replace(/^spiffe:\/\//, '')}`);
  if (identity !== undefined && from?.includes('/')) {
    const principal = from.replace(/^spiffe:\/\//, '');
    return { name: identity.serviceAccount, namespace: identity.namespace, labels: {}, principal };
  }
  const found = find({ ...(from === undefined ? {} : { from }), namespace });
  const shown = 'identity' in found ? found.identity : undefined;
  return { ...found, ...(shown === undefined ? {} : { principal: shown.replace(/^spiffe:\/\//, '') }) };
}

/** What rules alone do not tell of a caller of another trust domain: whether anybody here believes its certificate. */
export function strangerNotes({ policies, settings }: Mesh, { principal }: AuthorizationCaller): readonly string[] {
  const domain = principal?.split('/')[0];
  if (domain === undefined || trustDomainsOf(policies, settings).includes(domain)) return [];
  return [`${domain} is no trust domain of this mesh: closed out, unless its certificate is under a root of the mesh`];
}
