import type { PeerAuthenticationObject } from '../../model/policy.ts';
import type { MutualTlsMode } from '../../model/security-policy.ts';
import { selects } from '../../model/selector.ts';
import type { Workload } from '../../model/workload.ts';
import type { ReferenceScope } from './reference-scope.ts';
import { objectsIn } from './scope-index.ts';

/** In which mode calls are taken, and by which field; without one by D14. */
export interface PeerMode {
  readonly mode: MutualTlsMode;
  readonly by?: { readonly object: PeerAuthenticationObject; readonly field: string };
}

/** P31: the mode in which a workload takes calls; `port` undefined: where no port has its own. Of several, the strictest (P33). */
export function peerMode(scope: ReferenceScope, workload: Workload, port: number | undefined): PeerMode {
  const policiesIn = (namespace: string) => objectsIn(scope, 'PeerAuthentication', namespace);
  const own = policiesIn(workload.namespace).filter(
    ({ spec }) => spec.selector && selects(spec.selector, workload.labels),
  );
  const ofPort = own.map((object) => ({
    object,
    mode: port === undefined ? undefined : object.spec.portLevelMtls[port],
    field: `spec.portLevelMtls.${port}`,
  }));
  const whole = (object: PeerAuthenticationObject) => ({ object, mode: object.spec.mode, field: 'spec.mtls.mode' });
  const wider = [workload.namespace, scope.settings.rootNamespace].map((namespace) =>
    policiesIn(namespace)
      .filter((policy) => !policy.spec.selector)
      .map(whole),
  );
  for (const level of [ofPort, own.map(whole), ...wider]) {
    for (const mode of ['STRICT', 'PERMISSIVE', 'DISABLE'] as const) {
      const by = level.find((statement) => statement.mode === mode);
      if (by) return { mode, by };
    }
  }
  return { mode: 'PERMISSIVE' };
}
