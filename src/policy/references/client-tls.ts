import type { ClientTls } from '../../model/client-tls.ts';
import { nearestName } from '../../model/nearest-name.ts';
import type { DestinationRuleObject } from '../../model/policy.ts';
import { selects } from '../../model/selector.ts';
import type { Service, ServicePort } from '../../model/service.ts';
import type { Workload } from '../../model/workload.ts';
import { resolveHost } from '../hosts.ts';
import { type PeerMode, peerMode } from './peer-mode.ts';
import {
  type KnownSecrets,
  placeOf as placeText,
  type ReferenceScope,
  relatedTo,
  reportAt,
} from './reference-scope.ts';
import { isReached } from './rule-clients.ts';
import { servicesCovered } from './scope-index.ts';
import { portUsed, workloadsOf } from './service-workloads.ts';
import { type TlsBlock, tlsBlocks, tlsBlocksAt } from './tls-blocks.ts';

/** WEFT0301 (P37), and WEFT0101 for a named secret that there is not: a warning where that is not known. */
export function checkClientTls(scope: ReferenceScope, rule: DestinationRuleObject): void {
  const { secrets } = scope;
  if (secrets) for (const block of tlsBlocks(rule)) checkSecret(scope, rule, block, secrets);
  checkContradictions(scope, rule);
}

/**
 * A proxy is given the secrets of its own namespace. The rule's own namespace has the secret; for a rule that is for other namespaces, one
 * of them may have it instead.
 */
function checkSecret(
  scope: ReferenceScope,
  rule: DestinationRuleObject,
  { tls, field }: TlsBlock,
  secrets: KnownSecrets,
): void {
  const name = tls.credentialName;
  if (name === undefined) return;
  const at = `${field}.credentialName`;
  const { exportTo, workloadSelector } = rule.spec;
  const own = workloadSelector !== undefined || (exportTo.length > 0 && exportTo.every((entry) => entry === '.'));
  if (secrets === 'elsewhere') {
    const message = `whether namespace ${rule.namespace} has a secret ${JSON.stringify(name)} is not known here`;
    const hint = `the server rejects this without a folder ${rule.namespace}/${name} below secrets.directory of its weft.yaml`;
    reportAt(scope, 'WEFT0101', rule, at, message, hint, { severity: 'warning' });
    return;
  }
  const known = [...(secrets === 'unset' ? [] : secrets)].map(([key, holds]) => {
    const slash = key.indexOf('/');
    return { namespace: key.slice(0, slash), name: key.slice(slash + 1), holds };
  });
  const found = known.filter((each) => each.name === name && (!own || each.namespace === rule.namespace));
  const secret = found.find(({ namespace }) => namespace === rule.namespace) ?? found[0];
  if (secret === undefined) {
    const names = known.filter(({ namespace }) => namespace === rule.namespace).map((each) => each.name);
    const near = nearestName(name, names);
    const hint = near
      ? `did you mean ${JSON.stringify(near)}?`
      : secrets === 'unset'
        ? `the server has no secrets.directory: set it in weft.yaml, make the folder ${rule.namespace}/${name} below it, and start the server again (it reads weft.yaml only then)`
        : `make the folder ${rule.namespace}/${name} below secrets.directory of weft.yaml`;
    reportAt(scope, 'WEFT0101', rule, at, `no secret ${JSON.stringify(name)} in namespace ${rule.namespace}`, hint);
    return;
  }
  const missing = [
    ...(tls.mode === 'MUTUAL' && !secret.holds.keys ? ['certificate and key'] : []),
    ...(!tls.insecureSkipVerify && !secret.holds.roots ? ['roots'] : []),
  ];
  if (missing.length === 0) return;
  const message = `secret ${JSON.stringify(name)} of namespace ${secret.namespace} holds no ${missing.join(', no ')}`;
  const files = missing.map((what) => (what === 'roots' ? 'ca.crt' : 'tls.crt and tls.key'));
  reportAt(scope, 'WEFT0101', rule, at, message, `add ${files.join(', ')} to its folder`);
}

/** P37, once for each block: the first workload that does not speak as it says. */
function checkContradictions(scope: ReferenceScope, rule: DestinationRuleObject): void {
  const host = resolveHost(rule.spec.host, rule.namespace, scope.settings.dnsSuffix);
  const told = new Set<string>();
  if (tlsBlocks(rule).length === 0) return;
  for (const service of servicesCovered(scope, host)) {
    if (service.external || !isReached(scope, rule, service)) continue;
    for (const workload of workloadsOf(scope, service) ?? []) {
      if (workload.identity === undefined) continue;
      for (const port of service.ports) {
        for (const { tls, field, subset } of tlsBlocksAt(rule, port.number)) {
          if (told.has(field) || !selects(subset?.labels, workload.labels)) continue;
          const problem = contradiction(scope, service, workload, port, tls);
          if (problem === undefined) continue;
          told.add(field);
          const { message, hint, by } = problem;
          const related = by && relatedTo(by.object, by.field, 'the server');
          reportAt(scope, 'WEFT0301', rule, field, message, hint, { ...(related && { related }) });
        }
      }
    }
  }
}

function contradiction(
  scope: ReferenceScope,
  service: Service,
  workload: Workload,
  port: ServicePort,
  { mode }: ClientTls,
): { readonly message: string; readonly hint: string; readonly by: PeerMode['by'] } | undefined {
  const { mode: server, by } = peerMode(scope, workload, portUsed(scope, service, workload, port));
  const refused = mode === 'ISTIO_MUTUAL' ? 'DISABLE' : 'STRICT';
  if (server !== refused) return undefined;
  // Without tls the calls would be plaintext, as the server wants them: that is for whoever wrote ISTIO_MUTUAL to say.
  const own =
    server === 'STRICT'
      ? 'write ISTIO_MUTUAL, or remove tls'
      : 'set STRICT or PERMISSIVE at the server, or mode: DISABLE where plaintext may be sent';
  const hint = by ? `${own}; the server: ${placeText(by.object, by.field)}` : own;
  const message = `server ${service.host} is ${server} at ${workload.id}, client policy says ${mode}`;
  return { message, hint, by };
}
