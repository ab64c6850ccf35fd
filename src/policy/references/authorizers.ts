import type { AuthorizerSpec } from '../../model/authorizer.ts';
import { nearestName } from '../../model/nearest-name.ts';
import type { AuthorizationPolicyObject, MeshConfigObject } from '../../model/policy.ts';
import { resolveHost } from '../hosts.ts';
import { having } from './having.ts';
import {
  areAway,
  hadPort,
  ofKind,
  placeOf,
  type ReferenceScope,
  relatedTo,
  reportAt,
  reportAway,
  reportNoService,
} from './reference-scope.ts';
import { workloadsInReach } from './workload-selection.ts';

const refused = ': what would be asked about is refused';

/** WEFT0101 and WEFT0113: whether authorizers are services, with such a port. */
export function checkProviders(scope: ReferenceScope, object: MeshConfigObject): void {
  if (scope.services === undefined) return;
  for (const { field, spec } of authorizersIn(object)) {
    const [host = '', named] = spec.service.split('/').reverse();
    const namespace = named ?? scope.settings.rootNamespace;
    const full = resolveHost(host, namespace, scope.settings.dnsSuffix);
    const all = scope.byHost.get(full) ?? [];
    const services = named === undefined ? all : all.filter((service) => service.namespace === named);
    const at = `${field}.service`;
    if (areAway(scope, services)) reportAway(scope, 'WEFT0101', object, at, host, services, refused);
    else if (services.length === 0) reportNoService(scope, 'WEFT0101', object, at, full, 'warning', refused);
    else if (!services.some(({ ports }) => ports.some(({ number }) => number === spec.port))) {
      const known = [...new Set(services.flatMap(({ ports }) => ports.map(({ number }) => number)))];
      const isAway = services.some((service) => hadPort(scope, service, spec.port));
      const what = isAway
        ? `no workload of ${host} with port ${spec.port} is here now`
        : `${host} has no port ${spec.port}`;
      reportAt(scope, 'WEFT0113', object, `${field}.port`, `${what}${refused}`, `ports: ${known.join(', ')}`, {
        severity: 'warning',
      });
    }
  }
}

/** WEFT0101: a provider that MeshConfig does not have. WEFT0160: two of them for one workload. */
export function checkAuthorizers(scope: ReferenceScope): void {
  const asking = ofKind(scope, 'AuthorizationPolicy').filter(({ spec }) => spec.action === 'CUSTOM');
  for (const [index, policy] of asking.entries()) {
    checkName(scope, policy);
    const others = asking.slice(0, index).filter(({ spec }) => spec.provider !== policy.spec.provider);
    const other = others.find((one) => meetingAt(scope, one, policy) !== undefined);
    if (other === undefined) continue;
    const list = [other, policy]
      .map(({ spec }) => spec.provider)
      .sort()
      .join(', ');
    const message = `several CUSTOM providers act on ${meetingAt(scope, other, policy)}: ${list}`;
    const at = 'spec.provider.name';
    const hint = `keep one; other: ${placeOf(other, at)}`;
    reportAt(scope, 'WEFT0160', policy, at, message, hint, { related: relatedTo(other, at, 'the other') });
  }
}

/** The provider that a CUSTOM policy names. */
export function providerOf(scope: ReferenceScope, { spec }: AuthorizationPolicyObject): AuthorizerSpec | undefined {
  return known(scope).find(({ name }) => name === spec.provider);
}

function checkName(scope: ReferenceScope, policy: AuthorizationPolicyObject): void {
  if (providerOf(scope, policy) !== undefined) return;
  const { provider = '' } = policy.spec;
  const names = known(scope).map(({ name }) => name);
  const near = nearestName(provider, names);
  const hint = near
    ? `did you mean ${JSON.stringify(near)}?`
    : names.length === 0
      ? 'add it to extensionProviders of meshconfig.yaml'
      : `providers: ${names.join(', ')}`;
  const message = `no extension provider ${JSON.stringify(provider)} that can be asked`;
  reportAt(scope, 'WEFT0101', policy, 'spec.provider.name', message, hint);
}

/** A workload on which both act; without a registry what they say themselves decides. */
function meetingAt(
  scope: ReferenceScope,
  one: AuthorizationPolicyObject,
  other: AuthorizationPolicyObject,
): string | undefined {
  const both = { ...one.spec.selector, ...other.spec.selector };
  if (scope.workloads) {
    const reached = new Set(having(workloadsInReach(scope, one), one.spec.selector ?? {}));
    return having(workloadsInReach(scope, other), both).find((workload) => reached.has(workload))?.id;
  }
  const same = JSON.stringify(one.spec.selector ?? {}) === JSON.stringify(other.spec.selector ?? {});
  return same && one.namespace === other.namespace ? `the workloads of namespace ${one.namespace}` : undefined;
}

function known(scope: ReferenceScope): readonly AuthorizerSpec[] {
  return ofKind(scope, 'MeshConfig').flatMap(({ spec }) => spec.authorizers ?? []);
}

/** Each with its field: what is no authorizer is refused, so none stands between them. */
function authorizersIn({ spec }: MeshConfigObject): readonly { field: string; spec: AuthorizerSpec }[] {
  return (spec.authorizers ?? []).map((authorizer, index) => {
    const kind = authorizer.http ? 'envoyExtAuthzHttp' : 'envoyExtAuthzGrpc';
    return { field: `extensionProviders[${index}].${kind}`, spec: authorizer };
  });
}
