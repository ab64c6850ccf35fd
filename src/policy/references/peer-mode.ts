import type { MutualTlsMode } from '../../model/security-policy.ts';
import { selects } from '../../model/selector.ts';
import type { Workload } from '../../model/workload.ts';
import type { ReferenceScope } from './reference-scope.ts';
import { objectsIn } from './scope-index.ts';

/** P31: the mode in which a workload takes calls; `port` undefined: where no port has its own. Of several, the strictest (P33). */
export function peerMode(scope: ReferenceScope, workload: Workload, port: number | undefined): MutualTlsMode {
  const policiesIn = (namespace: string) => objectsIn(scope, 'PeerAuthentication', namespace);
  const own = policiesIn(workload.namespace).filter(
    ({ spec }) => spec.selector && selects(spec.selector, workload.labels),
  );
  const wider = [workload.namespace, scope.settings.rootNamespace].map((namespace) =>
    policiesIn(namespace).find((policy) => !policy.spec.selector),
  );
  const strictest = (modes: readonly (MutualTlsMode | undefined)[]) =>
    (['STRICT', 'PERMISSIVE', 'DISABLE'] as const).find((mode) => modes.includes(mode));
  const written = port === undefined ? undefined : strictest(own.map(({ spec }) => spec.portLevelMtls[port]));
  return (
    written ??
    strictest(own.map(({ spec }) => spec.mode)) ??
    wider.map((policy) => policy?.spec.mode).find((mode) => mode !== undefined) ??
    'PERMISSIVE'
  );
}
