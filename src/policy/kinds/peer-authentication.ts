import type { PeerAuthenticationObject } from '../../model/policy.ts';
import type { MutualTlsMode, PeerAuthenticationSpec } from '../../model/security-policy.ts';
import { securityVersions, supportedKind } from '../kind-definition.ts';
import { choice, map, object, row } from '../shape-builders.ts';
import { matchLabels, present } from './common.ts';

const mutualTls = object({ mode: choice(['UNSET', 'STRICT', 'PERMISSIVE', 'DISABLE']) });
const shape = object({
  selector: row(matchLabels, 'T0', 'which workloads'),
  mtls: row(mutualTls, 'T0', 'inbound filter chains (P34)', 'D14'),
  portLevelMtls: row(map('port', mutualTls, { min: 1 }), 'T0', 'the same for one workload port'),
});

/** PeerAuthentication (P31 to P33). */
export const peerAuthentication = supportedKind<typeof shape, PeerAuthenticationObject>({
  kind: 'PeerAuthentication',
  apiVersions: securityVersions,
  security: true,
  spec: shape,
  lower(spec, context) {
    const labels = spec.selector?.matchLabels ?? {};
    const selects = Object.keys(labels).length > 0;
    if (spec.portLevelMtls && !selects) {
      context.report(
        'WEFT0156',
        'spec.portLevelMtls',
        'portLevelMtls has no effect here',
        'portLevelMtls needs a selector',
      );
    }
    if (selects && context.namespace === context.rootNamespace) {
      context.report(
        'WEFT0156',
        'spec.selector',
        'selector has no effect here',
        "a selector belongs in the workload's namespace",
      );
    }
    const modes = Object.entries(spec.portLevelMtls ?? {}).flatMap(
      ([port, { mode = 'UNSET' }]): [string, MutualTlsMode][] => {
        context.place(`spec.portLevelMtls[${port}]`, `spec.portLevelMtls.${port}`);
        return mode === 'UNSET' ? [] : [[port, mode]];
      },
    );
    const mode = spec.mtls?.mode ?? 'UNSET';
    context.place('spec.mode', 'spec.mtls.mode');
    return present<PeerAuthenticationSpec>({
      selector: selects ? labels : undefined,
      mode: mode === 'UNSET' ? undefined : mode,
      portLevelMtls: Object.fromEntries(modes),
    });
  },
});
