import { nearestName } from '../../model/nearest-name.ts';
import type { SidecarObject } from '../../model/policy.ts';
import type { ImportedHosts } from '../../model/sidecar-policy.ts';
import { canonicalHost, hostCovers, plainHost } from '../hosts.ts';
import { type ReferenceScope, reportAt } from './reference-scope.ts';

/** WEFT0174 of an entry with a star: a namespace of which nothing is known, or a part of a name that no service has there. */
export function checkWildcard(
  scope: ReferenceScope,
  sidecar: SidecarObject,
  entry: ImportedHosts,
  field: string,
): void {
  const { settings, services = [], policies, workloads = [] } = scope;
  const isOwn = entry.namespace === '.';
  // The namespaces of its proxies are many then, and the common entries `*/*` and `./*` may be ahead of their services.
  if (isOwn && sidecar.namespace === settings.rootNamespace) return;
  const namespace = isOwn ? sidecar.namespace : entry.namespace;
  const report = (message: string, hint: string) => reportAt(scope, 'WEFT0174', sidecar, field, message, hint);
  const sign = entry.excluded ? '~' : '';
  const known = new Set([
    settings.rootNamespace,
    ...[...services, ...policies, ...workloads].map((each) => each.namespace),
  ]);
  if (namespace !== '*' && !known.has(namespace)) {
    const near = nearestName(namespace, known);
    const hint = near
      ? `did you mean ${JSON.stringify(`${sign}${near}/${entry.host}`)}?`
      : `namespaces: ${[...known].sort().slice(0, 8).join(', ')}`;
    report(`host ${JSON.stringify(entry.text)} matches no service: namespace ${namespace} has none`, hint);
    return;
  }
  if (entry.host === '*') return;
  const host = canonicalHost(entry.host, settings.dnsSuffix);
  const within = services.filter((service) => namespace === '*' || service.namespace === namespace);
  const covers = (service: { readonly host: string }) => hostCovers(host, plainHost(service.host));
  if (within.some(covers)) return;
  const elsewhere = services.find(covers);
  const near = nearestName(host, new Set(within.flatMap((service) => wildcardsOf(plainHost(service.host)))));
  const hint = near
    ? `did you mean ${JSON.stringify(`${entry.text.slice(0, entry.text.indexOf('/'))}/${near}`)}?`
    : elsewhere
      ? `namespace ${elsewhere.namespace} has some: write ${JSON.stringify(`${sign}${elsewhere.namespace}/${entry.host}`)}`
      : 'declare a Service or a ServiceEntry, or correct the name';
  report(`host ${JSON.stringify(entry.text)} matches no service`, hint);
}

/** `*.b.c` and `*.c` of `a.b.c`. */
function wildcardsOf(host: string): readonly string[] {
  const parts = host.split('.');
  return parts.slice(1).map((_, index) => `*.${parts.slice(index + 1).join('.')}`);
}
