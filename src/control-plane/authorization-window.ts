import type { AdminSource } from '../admin/admin-source.ts';
import type { AuthorizationReport, AuthorizationWindow } from '../admin/authorization-window.ts';
import { notReady } from '../admin/envelope.ts';
import type { Authorization, AuthorizationRuleDecision } from '../model/ir-inbound.ts';
import type { Mesh } from '../model/mesh.ts';
import type { Proxy } from '../model/proxy.ts';
import type { Readable } from '../model/readable.ts';
import type { Clock } from '../model/state-store.ts';
import type { CertificateStatus } from '../model/status.ts';
import type { EdgeRow } from '../model/traffic.ts';
import { resolveInbound } from '../resolve/inbound.ts';
import type { TrafficStore } from '../telemetry/traffic-store.ts';
import { answerAuthorization, type LostFor, ruleOf } from './authorization-answer.ts';
import { authorizationCaller } from './authorization-caller.ts';
import { checkPair } from './check-pair.ts';
import type { FailingQuestions } from './failing-questions.ts';
import { readiness } from './policy-readiness.ts';
import type { PolicySource } from './policy-source.ts';
import { placeOf } from './route-answer.ts';
import { unfetchedKeys } from './unfetched-keys.ts';

/** Who may call what in the running mesh, read at the moment of the question. */
export function createAuthorizationWindow(of: {
  readonly mesh: Readable<Mesh | undefined>;
  readonly policies: PolicySource;
  /** The connected proxy of that id. */
  readonly proxyOf: (id: string) => Proxy | undefined;
  readonly certificates: () => readonly CertificateStatus[];
  /** What `weft route` knows of a call. */
  readonly route: AdminSource['route'];
  /** Who called whom in the last minute. */
  readonly edges: () => readonly EdgeRow[];
  readonly troubles: TrafficStore['troubles'];
  readonly failing: FailingQuestions;
  readonly lostFor: LostFor;
  readonly clock: Clock;
}): AuthorizationWindow {
  const current = (): Mesh => {
    const mesh = of.mesh.get();
    if (mesh === undefined) throw notReady(readiness(of.policies, of.mesh));
    return mesh;
  };
  return {
    answer(question) {
      const mesh = current();
      return answerAuthorization(mesh, authorizationCaller(mesh, question), question, of.proxyOf, {
        ...of,
        now: of.clock.now(),
      });
    },
    check(question) {
      const mesh = current();
      const caller = authorizationCaller(mesh, question);
      const { name, namespace } = caller;
      // A principal stands for whoever proves itself so: no proxy is its own, and no count.
      const isPrincipal = question.from?.replace(/^proxy\//, '').includes('/') === true;
      const workload = isPrincipal ? undefined : mesh.workloads.get(`${name}.${namespace}`);
      const isNamed = question.from !== undefined && workload !== undefined;
      const { proxies, called } = isNamed ? of.route(question) : {};
      return checkPair(mesh, caller, question, of.proxyOf, {
        ...(proxies && { proxies }),
        ...(called && { called }),
        ...(isNamed && workload.service !== undefined && { callerService: { name: workload.service, namespace } }),
        lostFor: of.lostFor,
        failing: of.failing,
        edges: of.edges(),
        troubles: of.troubles(0, of.clock.now()),
        failingKeys(id) {
          const proxy = of.proxyOf(id);
          return proxy && of.failing.keys(proxy);
        },
        unfetchedKeys(id) {
          const proxy = of.proxyOf(id);
          return proxy === undefined ? [] : unfetchedKeys(mesh, proxy, of.proxyOf);
        },
        certificateOf: (principal) => of.certificates().find(({ identity }) => identity === `spiffe://${principal}`),
        now: of.clock.now(),
      });
    },
    rules(proxyId) {
      const proxy = of.proxyOf(proxyId);
      return proxy && authorizationReport(current(), proxy);
    },
  };
}

/** What stands before the ports of a proxy, rule by rule with its line. */
function authorizationReport(mesh: Mesh, proxy: Proxy): AuthorizationReport {
  const ports = resolveInbound(mesh, proxy).map(({ port, protocol, mtls, authorization, tokens }) => {
    const { custom, audit = [], dryRun } = authorization;
    return {
      port,
      protocol,
      mode: { value: mtls.value, by: placeOf(mtls.by) },
      ...(custom && { custom: { provider: custom.authorizer.name, rules: custom.rules.map(ruleOf) } }),
      audit: audit.map(ruleOf),
      ...denyAndAllow(authorization),
      ...(dryRun && { dryRun: denyAndAllow(dryRun) }),
      tokens: (tokens?.rules ?? []).map(({ id, by }) => ({ id, by: placeOf(by) })),
    };
  });
  return { proxy: proxy.id, commit: mesh.policies.commit, ports };
}

function denyAndAllow({ deny, allow }: Pick<Authorization, 'deny' | 'allow'>) {
  const rules = (all: readonly AuthorizationRuleDecision[]) => all.map(ruleOf);
  return { deny: rules(deny), allow: allow === undefined ? null : rules(allow) };
}
