import type { Diagnostic } from '../model/diagnostic.ts';
import type { Mesh } from '../model/mesh.ts';
import type { AuthorizationPolicyObject, Policy, PolicySet } from '../model/policy.ts';
import type { Provenance } from '../model/provenance.ts';
import type { Proxy } from '../model/proxy.ts';
import type { Readable } from '../model/readable.ts';
import type { RecentCaller, RegistryKnowledge } from '../model/registry-knowledge.ts';
import type { Clock } from '../model/state-store.ts';
import { authorizationPolicies } from '../resolve/authorization.ts';
import { type AuthorizationDecision, decideAuthorization } from '../resolve/authorization-decision.ts';
import { resolveInbound } from '../resolve/inbound.ts';
import { meshDefaults } from '../resolve/mesh-defaults.ts';
import { indexPolicies } from '../resolve/policy-index.ts';
import type { Recent, TrafficStore } from '../telemetry/traffic-store.ts';
import type { Foresee } from './foresee.ts';
import { modeJumps, servedModes } from './mode-jumps.ts';
import type { ProxySessions } from './proxy-sessions.ts';
import { refusedCallersFinding } from './refused-callers-words.ts';

const hour = 3_600_000;

/** WEFT0151 and WEFT0170 of the mesh as it runs; before `begin` nobody has called. */
export function createForesight(): {
  readonly foresee: Foresee;
  /** The same, for who looks at a commit before it is written. */
  known(): Foreseen;
  begin(of: RunningMesh): void;
} {
  let running: RunningMesh | undefined;
  return {
    begin(of) {
      running = of;
    },
    foresee(after) {
      const mesh = running?.mesh.get();
      if (running === undefined || mesh === undefined) return [];
      const jumps = sameModes(mesh.policies, after) ? [] : modeJumps(servedModes(mesh), { ...mesh, policies: after });
      return [...refusedCallers(mesh, after, proxiesOf(running), callersOf(running)), ...jumps];
    },
    known() {
      const mesh = running?.mesh.get();
      return running === undefined || mesh === undefined
        ? { callers: [], allowing: [], modes: [] }
        : { ...letInNow(mesh, proxiesOf(running), callersOf(running)), modes: servedModes(mesh) };
    },
  };
}

interface RunningMesh {
  readonly mesh: Readable<Mesh | undefined>;
  readonly traffic: TrafficStore;
  readonly sessions: ProxySessions;
  readonly clock: Clock;
}

function callersOf({ traffic, clock }: RunningMesh): readonly RecentCaller[] {
  return recentCallers(traffic.recent(hour, clock.now()));
}

function proxiesOf({ sessions }: RunningMesh): readonly Proxy[] {
  return [...sessions.sessions().values()].map(({ proxy }) => proxy);
}

/** What RegistryKnowledge says of callers. */
export type LetIn = Pick<RegistryKnowledge, 'callers' | 'allowing'>;

/** What it says for who looks ahead. */
export type Foreseen = LetIn & Pick<RegistryKnowledge, 'modes'>;

function letInNow(mesh: Mesh, proxies: readonly Proxy[], recent: readonly RecentCaller[]): LetIn {
  const callers = recent.filter((caller) =>
    proxies.some((proxy) => isCalled(proxy, caller) && refusedAt(mesh, proxy, caller.principal) === undefined),
  );
  return { callers, allowing: callers.length === 0 ? [] : mesh.policies.objects.filter(allows).map(policyText) };
}

/** Who called whom and was let in, as the sidecars of those who were called count it. */
export function recentCallers({ gained }: Pick<Recent, 'gained'>): readonly RecentCaller[] {
  const callers = new Map<string, RecentCaller>();
  for (const { series, gain } of gained) {
    const { reporter, source, destination, code, refused } = series;
    if (reporter !== 'destination' || refused !== undefined || code === '401' || code === '403') continue;
    const principal = source.principal === '' ? null : source.principal.replace(/^spiffe:\/\//, '');
    const { service, namespace } = destination;
    const key = [principal ?? '', namespace, service].join('\n');
    const name = source.namespace === '' ? source.service : `${source.service}.${source.namespace}`;
    const requests = gain.requests + (callers.get(key)?.requests ?? 0);
    callers.set(key, { name, principal, service, namespace, requests });
  }
  return [...callers.values()].filter(({ requests }) => requests > 0);
}

/**
 * WEFT0151: callers of the last hour that ALLOW or DENY policies would refuse whatever they ask, and that are not refused now. `mesh` is what is
 * served; what it does not say of a call, paths and methods, decides nothing here.
 */
export function refusedCallers(
  mesh: Mesh,
  after: PolicySet,
  proxies: readonly Proxy[],
  callers: readonly RecentCaller[],
): readonly Diagnostic[] {
  if (callers.length === 0 || sameRules(mesh.policies, after)) return [];
  const isLetIn = (proxy: Proxy, { principal }: RecentCaller) => refusedAt(mesh, proxy, principal) === undefined;
  const served = new Set(mesh.policies.objects.filter(allows).map(policyText));
  return turnedAwayBy({ ...mesh, policies: after }, proxies, callers, isLetIn, served);
}

/** The same from what a server told, of a mesh that it does not serve yet. */
export function refusedOf(next: Mesh, proxies: readonly Proxy[], { callers, allowing }: LetIn): readonly Diagnostic[] {
  return turnedAwayBy(next, proxies, callers, () => true, new Set(allowing));
}

/** `served`: texts of the policies that are not new. */
function turnedAwayBy(
  next: Mesh,
  proxies: readonly Proxy[],
  callers: readonly RecentCaller[],
  isLetIn: (proxy: Proxy, caller: RecentCaller) => boolean,
  served: ReadonlySet<string>,
): readonly Diagnostic[] {
  if (callers.length === 0) return [];
  const settings = meshDefaults(next);
  const index = indexPolicies(next.policies, settings);
  const found = new Map<string, Blamed>();
  const blame = (policy: AuthorizationPolicyObject, rule: number | undefined, caller: RecentCaller): void => {
    const key = `${policy.namespace}/${policy.name} ${rule}`;
    const known = found.get(key) ?? { policy, rule, callers: new Map<string, RecentCaller>() };
    known.callers.set(`${caller.name} ${caller.principal} ${caller.service}`, caller);
    found.set(key, known);
  };
  for (const proxy of proxies) {
    const turnedAway = callers.flatMap((caller) => {
      const by = isCalled(proxy, caller) ? refusedAt(next, proxy, caller.principal) : undefined;
      return by !== undefined && isLetIn(proxy, caller) ? [{ caller, by }] : [];
    });
    if (turnedAway.length === 0) continue;
    const acting = authorizationPolicies(index, settings, next.workloads.get(proxy.id) ?? proxy);
    const allowing = acting.filter(allows);
    const fresh = allowing.filter((policy) => !served.has(policyText(policy)));
    for (const { caller, by } of turnedAway) {
      if (by.isNotAllowed) for (const policy of fresh.length > 0 ? fresh : allowing) blame(policy, undefined, caller);
      for (const { object, field } of by.denying) {
        const policy = acting.find(({ namespace, name }) => namespace === object.namespace && name === object.name);
        if (policy !== undefined) blame(policy, Number(/^spec\.rules\[(\d+)\]/.exec(field)?.[1] ?? 0), caller);
      }
    }
  }
  return [...found.values()].map(({ policy, rule, callers: of }) =>
    refusedCallersFinding(policy, rule, [...of.values()]),
  );
}

/** Who is refused by one DENY rule, or by no rule of an ALLOW policy. */
interface Blamed {
  readonly policy: AuthorizationPolicyObject;
  readonly rule: number | undefined;
  readonly callers: Map<string, RecentCaller>;
}

function isCalled({ service, namespace }: Proxy, caller: RecentCaller): boolean {
  return caller.service === service && caller.namespace === namespace;
}

function allows(object: PolicySet['objects'][number]): object is AuthorizationPolicyObject {
  return object.kind === 'AuthorizationPolicy' && object.spec.action === 'ALLOW' && object.spec.dryRun !== true;
}

/** What a policy says, wherever it stands. */
function policyText({ namespace, name, spec }: AuthorizationPolicyObject): string {
  return JSON.stringify([namespace, name, spec]);
}

/** By what a caller is refused at every port, whatever else the call is; undefined: at some it may be let in. */
function refusedAt(
  mesh: Mesh,
  proxy: Proxy,
  principal: string | null,
): { readonly isNotAllowed: boolean; readonly denying: readonly Provenance[] } | undefined {
  const decisions = resolveInbound(mesh, proxy).map((inbound) => decideAuthorization(inbound, { principal }));
  const isRefused = ({ outcome, why }: AuthorizationDecision) =>
    outcome === 'refused' && (why === 'no-allow-rule' || why === 'deny');
  if (decisions.length === 0 || !decisions.every(isRefused)) return undefined;
  return {
    isNotAllowed: decisions.some(({ why }) => why === 'no-allow-rule'),
    denying: decisions.flatMap(({ why, by }) => (why === 'deny' && by !== undefined ? [by.by] : [])),
  };
}

function sameRules(before: PolicySet, after: PolicySet): boolean {
  return sameOf(['AuthorizationPolicy'], before, after);
}

function sameModes(before: PolicySet, after: PolicySet): boolean {
  // MeshConfig may say which namespace is the root.
  return sameOf(['PeerAuthentication', 'MeshConfig'], before, after);
}

function sameOf(kinds: readonly Policy['kind'][], before: PolicySet, after: PolicySet): boolean {
  const rules = ({ objects }: PolicySet) => objects.filter(({ kind }) => kinds.includes(kind));
  const [old, now] = [rules(before), rules(after)];
  return old.length === now.length && old.every((object, position) => object === now[position]);
}
