import type { RequestAuthenticationObject } from '../../model/policy.ts';
import type { TokenRule } from '../../model/security-policy.ts';
import type { Service } from '../../model/service.ts';
import type { Workload } from '../../model/workload.ts';
import { isVisible, resolveHost } from '../hosts.ts';
import { having } from './having.ts';
import {
  areAway,
  hadPort,
  ofKind,
  type ReferenceScope,
  reportAt,
  reportAway,
  reportNoService,
} from './reference-scope.ts';
import { exportHint } from './rule-ports.ts';
import { workloadsInReach } from './workload-selection.ts';

const refused = ': no token of this issuer is taken';

/**
 * Whether there is somebody to fetch keys from (T23), with WEFT0101 and WEFT0113: over `http` keys come from a service alone. Over `https`
 * from whoever proves to be the host of the URL, which nothing here can know.
 */
export function checkKeyServers(scope: ReferenceScope, object: RequestAuthenticationObject): void {
  if (scope.services === undefined) return;
  for (const [index, { keys }] of object.spec.rules.entries())
    if (keys.kind === 'remote') checkServer(scope, object, `spec.jwtRules[${index}].jwksUri`, keys);
}

function checkServer(
  scope: ReferenceScope,
  object: RequestAuthenticationObject,
  field: string,
  { uri }: Extract<TokenRule['keys'], { kind: 'remote' }>,
): void {
  const { protocol, hostname, port: written } = new URL(uri);
  // Who proves to be the host is asked, whether or not anybody declares it.
  if (protocol === 'https:') return;
  const port = written === '' ? 80 : Number(written);
  const all = scope.byHost.get(resolveHost(hostname, object.namespace, scope.settings.dnsSuffix)) ?? [];
  const isForAll = object.namespace === scope.settings.rootNamespace;
  const services = all.filter(
    ({ exportTo, namespace }) => isForAll || isVisible(exportTo, namespace, object.namespace),
  );
  const [hidden] = all;
  if (areAway(scope, services)) reportAway(scope, 'WEFT0101', object, field, hostname, services, refused);
  else if (services.length > 0) checkPort(scope, object, field, hostname, port, services);
  else if (hidden) {
    const message = `service ${JSON.stringify(hostname)} is not exported to namespace ${object.namespace}${refused}`;
    reportAt(scope, 'WEFT0101', object, field, message, exportHint(hidden), { severity: 'warning' });
  } else {
    const consequence = `, and over http keys come from services alone${refused}`;
    reportNoService(scope, 'WEFT0101', object, field, hostname, 'warning', consequence);
  }
}

function checkPort(
  scope: ReferenceScope,
  object: RequestAuthenticationObject,
  field: string,
  host: string,
  port: number,
  services: readonly Service[],
): void {
  if (services.some(({ ports }) => ports.some(({ number }) => number === port))) return;
  const known = [...new Set(services.flatMap(({ ports }) => ports.map(({ number }) => number)))];
  const isAway = services.some((service) => hadPort(scope, service, port));
  const message = isAway ? `no workload of ${host} with port ${port} is here now` : `${host} has no port ${port}`;
  reportAt(scope, 'WEFT0113', object, field, `${message}${refused}`, `ports: ${known.join(', ')}`, {
    severity: 'warning',
  });
}

/** WEFT0127: all that a selector chooses has no proxy of the mesh, so that nothing looks at tokens there. */
export function checkVerifiers(scope: ReferenceScope, object: RequestAuthenticationObject): void {
  if (!scope.workloads || object.spec.selector === undefined) return;
  const chosen = having(workloadsInReach(scope, object), object.spec.selector);
  const [first] = chosen;
  if (first === undefined || chosen.some(({ identity }) => identity !== undefined)) return;
  const others = chosen.length === 1 ? '' : ` and ${chosen.length - 1} more`;
  const message = `selector matches ${first.id}${others}, before which no proxy of the mesh stands: any token passes there`;
  const hint = 'run them with weft run, or state serviceAccount in their WorkloadEntry, if they have one';
  reportAt(scope, 'WEFT0127', object, 'spec.selector', message, hint);
}

/** Whether tokens are verified before a workload (P49). */
export function verifiesTokens(scope: ReferenceScope, workload: Pick<Workload, 'namespace' | 'labels'>): boolean {
  return ofKind(scope, 'RequestAuthentication').some(
    ({ namespace, spec }) =>
      spec.rules.length > 0 &&
      (namespace === workload.namespace || namespace === scope.settings.rootNamespace) &&
      having([workload], spec.selector ?? {}).length > 0,
  );
}
