import type { View } from '../model/ir.ts';
import type { Destination, DestinationRef } from '../model/ir-destination.ts';
import type { WeightedDestination } from '../model/ir-route.ts';
import type { Mesh } from '../model/mesh.ts';
import type { Labels } from '../model/policy.ts';
import type { DecidedBy } from '../model/provenance.ts';
import { refText } from '../model/provenance.ts';
import type { Locality } from '../model/registry-objects.ts';
import type { AnswerCandidate, AnswerCluster, AnswerPlace, RouteAnswer, RouteQuestion } from '../model/route-answer.ts';
import { connectionLayer } from '../model/service.ts';
import { fieldPath } from '../policy/field-path.ts';
import type { CallCandidate } from '../resolve/call-candidate.ts';
import { resolveEndpoints } from '../resolve/endpoints.ts';
import { type CallDecision, decideCall, hostOf } from '../resolve/route-decision.ts';
import { scopeOf } from '../resolve/scope.ts';
import { resolveView } from '../resolve/view.ts';
import { clusterName, unknownHostsName } from '../translate/names.ts';
import { callDecisions, destinationOf } from './call-decisions.ts';
import { whyUnknownName } from './route-unknown.ts';

/** Who calls, as far as that decides anything. */
export interface RouteCaller {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Labels;
  readonly locality?: Locality;
}

/** What `weft route` tells of a call (P11): the decision itself, with the names that Envoy knows and the endpoints of this moment. */
export function answerRoute(mesh: Mesh, caller: RouteCaller, question: RouteQuestion): RouteAnswer {
  const scope = scopeOf(mesh, caller);
  const view = resolveView(mesh, scope);
  const decision = decideCall(mesh, scope, question);
  const { name, namespace, labels } = caller;
  const { host, port } = question;
  const limitedBy = view.imports && { limitedBy: placeOf(view.imports.by) };
  const from = { name, namespace, labels };
  const to = { host, ...(port === undefined ? {} : { port }), ...limitedBy };
  switch (decision.kind) {
    case 'unknown':
      return { from, to, ...unknownAnswer(mesh, view, decision, question, namespace) };
    case 'refused': {
      const { refused: status, why } = decision;
      return { from, to, outcome: 'invalid', status, notes: [why], candidates: [], clusters: [], decisions: {} };
    }
    case 'request':
    case 'connection': {
      const { service, port: called } = decision.called;
      const named = { service: serviceText(service), port: called.port, protocol: called.protocol };
      return { from, to: { ...to, ...named }, ...routedAnswer(mesh, view, decision, question) };
    }
    default:
      return decision satisfies never;
  }
}

type Answer = Omit<RouteAnswer, 'from' | 'to'>;
type Routed = Extract<CallDecision, { kind: 'request' | 'connection' }>;

function routedAnswer(mesh: Mesh, view: View, decision: Routed, question: RouteQuestion): Answer {
  const { candidates, route } = decision;
  const decisions = Object.entries(callDecisions(view, decision));
  const shared = {
    candidates: candidates.map(candidateOf),
    decisions: Object.fromEntries(
      decisions.map(([name, { value, by }]) => [name, { value: value ?? null, by: placeOf(by) }]),
    ),
    ...(decision.kind === 'request' ? { request: requestOf(view, decision), ...abortedOf(decision) } : {}),
  };
  const notes = notesOf(decision, question);
  if (route === undefined) {
    const note = 'rules are left for this caller and port, and none of them fits: the sidecar answers 404 (NR)';
    return { ...shared, outcome: 'no-rule', status: 404, notes: [note, ...notes], clusters: [] };
  }
  const routed = { ...shared, route: route.name, by: placeOf(route.by) };
  const action = 'action' in route ? route.action : { kind: 'forward' as const, destinations: route.destinations };
  switch (action.kind) {
    case 'redirect':
      return { ...routed, outcome: 'redirect', status: action.redirect.value.statusCode, notes, clusters: [] };
    case 'respond':
      return { ...routed, outcome: 'respond', status: action.respond.value.status, notes, clusters: [] };
    case 'forward': {
      const clusters = clustersOf(mesh, view, action.destinations);
      const missing = clusters.filter(({ discovery }) => discovery === undefined);
      const gone = missing.map(({ cluster }) => `there is no destination ${cluster}: calls that go there get 503 (NC)`);
      return { ...routed, outcome: 'forward', notes: [...notes, ...gone], clusters };
    }
    default:
      return action satisfies never;
  }
}

function requestOf(view: View, { seen }: Extract<CallDecision, { kind: 'request' }>): RouteAnswer['request'] {
  const { method, scheme, authority, path } = seen;
  return { method, scheme, authority, path, pathNormalization: view.terms.pathNormalization.value };
}

/** Calls that a fault answers in the sidecar of the caller. */
function abortedOf({ route }: Extract<CallDecision, { kind: 'request' }>): Pick<RouteAnswer, 'aborted'> {
  const abort = route?.fault?.value.abort;
  if (route?.fault === undefined || abort === undefined || abort.percentage === 0) return {};
  const { status, percentage: percent } = abort;
  const answer = 'http' in status ? `${status.http}` : `gRPC status ${status.grpc}`;
  return { aborted: { percent, answer, by: placeOf(route.fault.by) } };
}

/** What a rule does not see, or sees otherwise than it was meant. */
function notesOf(decision: Routed, question: RouteQuestion): readonly string[] {
  const { path, serverName } = question;
  const { protocol } = decision.called.port;
  const noName = serverName === undefined ? [] : [`the server name decides nothing: the port is ${protocol}`];
  if (decision.kind === 'request') {
    const { seen } = decision;
    const plain = `the path ${JSON.stringify(path)} is ${JSON.stringify(seen.path)} for every rule`;
    return [...caseNotes(question), ...(seen.path === path ? [] : [plain]), ...noName];
  }
  if (decision.tunnel) return ['what is inside a tunnel is seen by no rule about HTTP or server names (R11)'];
  const { method, headers, scheme } = question;
  const saysHttp = method !== 'GET' || path !== '/' || headers.length > 0 || scheme !== undefined;
  return [
    ...(saysHttp
      ? [`method, path, headers and scheme decide nothing: the port is ${protocol}, and nobody reads it`]
      : []),
    ...(connectionLayer(protocol) === 'tls' ? [] : noName),
  ];
}

const methods: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'CONNECT',
  'TRACE',
]);

/** Methods are told apart by case: one that is written otherwise is another one, and no program sends it. */
function caseNotes({ method }: Pick<RouteQuestion, 'method'>): readonly string[] {
  const meant = method.toUpperCase();
  return method === meant || !methods.has(meant) ? [] : [`${method} is another method than ${meant}`];
}

/** Of a host or port that the caller does not know: whether it is called all the same, and what may be meant. */
export function unknownAnswer(
  mesh: Mesh,
  view: View,
  unknown: Extract<CallDecision, { kind: 'unknown' }>,
  question: Pick<RouteQuestion, 'method'>,
  namespace: string,
): Answer & { readonly outcome: 'pass' | 'refuse' } {
  const { value, by } = view.unknownHosts;
  const { authority } = unknown;
  const passes = 'it goes to where the name itself leads, without any rule (P48)';
  const status = question.method === 'CONNECT' ? 403 : 502;
  const fate = value === 'pass' ? passes : `the sidecar answers ${status} (P48)`;
  return {
    outcome: value,
    ...(value === 'refuse' ? { status } : {}),
    notes: [...caseNotes(question), ...whyUnknown(mesh, view, unknown, namespace), fate],
    by: placeOf(by),
    candidates: [],
    clusters:
      value === 'refuse'
        ? []
        : [
            {
              cluster: unknownHostsName,
              service: authority,
              port: Number(/:(\d+)$/.exec(authority)?.[1] ?? 80),
              percent: 100,
              by: placeOf(by),
              discovery: 'request',
              security: 'plain',
              endpoints: [],
            },
          ],
    decisions: {},
  };
}

/** What is wrong with a name, as this caller writes it, and what may be meant. */
function whyUnknown(
  mesh: Mesh,
  view: View,
  { authority, known }: Extract<CallDecision, { kind: 'unknown' }>,
  namespace: string,
): readonly string[] {
  if (known === undefined) return whyUnknownName(mesh, view, { authority, host: hostOf(authority), namespace });
  const ports = known.ports.map(({ port, protocol }) => `${port} ${protocol}`).join(', ');
  return [`${serviceText(known)} has no such port: it has ${ports || 'none'}`];
}

function clustersOf(mesh: Mesh, view: View, destinations: readonly WeightedDestination[]): readonly AnswerCluster[] {
  const total = destinations.reduce((sum, { weight }) => sum + weight.value, 0);
  return destinations.map(({ destination: ref, weight }) => {
    const found = destinationOf(view, ref);
    const { security } = found ?? {};
    const always = security?.kind === 'mesh' && security.always === true;
    return {
      cluster: clusterName(ref),
      service: serviceText(ref),
      port: ref.port,
      ...(ref.subset === undefined ? {} : { subset: ref.subset }),
      percent: (100 * weight.value) / total,
      by: placeOf(weight.by),
      ...(found && { discovery: found.discovery, security: found.security.kind }),
      ...(found?.healthChecks?.length ? { healthChecked: true as const } : {}),
      ...(found && panicOf(found)),
      endpoints: [
        // Names that Envoy resolves are addresses of the destination; the registry's list of the same is for the others alone.
        ...(found?.addresses ?? []).map((each) => ({
          address: addressText(each),
          healthy: true,
          meshTls: always,
          ...later(each),
        })),
        ...(found?.discovery === 'registry' ? resolveEndpoints(mesh, found).endpoints : []).map((each) => ({
          workload: each.workload,
          address: addressText(each),
          healthy: each.healthy,
          ...(mesh.workloads.get(each.workload)?.group?.probed && { probed: true as const }),
          meshTls: always || (security?.kind === 'mesh' && each.meshTls),
          ...later(each),
        })),
      ],
    };
  });
}

/** Where somebody may be held out. */
function panicOf({ healthChecks, outlierDetection, panicThreshold }: Destination): Pick<AnswerCluster, 'panicBelow'> {
  const mayBeOut = outlierDetection !== undefined || (healthChecks?.length ?? 0) > 0;
  return mayBeOut && panicThreshold.value > 0 ? { panicBelow: panicThreshold.value } : {};
}

function later({ priority = 0 }: { readonly priority?: number }) {
  return priority === 0 ? {} : { priority };
}

/** `reviews.shop`; a host of a ServiceEntry is its own name. */
function serviceText({ name, namespace, host }: Pick<DestinationRef, 'name' | 'namespace' | 'host'>): string {
  return name === host ? host : `${name}.${namespace}`;
}

function addressText({ address, port }: { readonly address: string; readonly port: number }): string {
  if (address.startsWith('unix:')) return address;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function candidateOf({ name, by, verdict, mismatch, other }: CallCandidate): AnswerCandidate {
  return {
    name,
    by: placeOf(by),
    verdict,
    ...(mismatch && {
      condition: {
        field: mismatch.field.reduce(fieldPath, ''),
        wanted: mismatch.wanted,
        ...(mismatch.got === undefined ? {} : { got: mismatch.got }),
        by: placeOf(mismatch.by),
      },
    }),
    ...(other === undefined ? {} : { other }),
  };
}

/** Where a decision stands, as plain values. */
export function placeOf(by: DecidedBy): AnswerPlace {
  if ('default' in by) return { default: by.default };
  const { object, field, at, commit } = by;
  return { ref: refText(object), field, file: at.file, line: at.line, column: at.column, commit };
}
