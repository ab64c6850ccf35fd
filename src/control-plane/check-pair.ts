import type { AuthorizationAnswer, AuthorizationQuestion } from '../model/authorization-answer.ts';
import type { CheckLine, PairCheck } from '../model/check-answer.ts';
import type { Mesh } from '../model/mesh.ts';
import type { Protocol } from '../model/policy.ts';
import type { Proxy } from '../model/proxy.ts';
import type { RouteAnswer } from '../model/route-answer.ts';
import { isHttp } from '../model/service.ts';
import { answerAuthorization } from './authorization-answer.ts';
import { type AuthorizationCaller, strangerNotes } from './authorization-caller.ts';
import { authorizationLines, namesOf } from './check-authorization.ts';
import { emptyShares, endpointsText, type LiveFacts, liveLines } from './check-live.ts';
import { roundSpan, routeText, sinceText } from './describe-words.ts';
import { answerRoute } from './route-answer.ts';
import { answersError } from './would-fail.ts';

/** What `weft check --from A --to B` says: whether A knows B and where its call goes, who they are to each other, and whether A may. */
export function checkPair(
  mesh: Mesh,
  caller: AuthorizationCaller,
  question: AuthorizationQuestion,
  proxyOf: (id: string) => Proxy | undefined,
  live?: LiveFacts,
): PairCheck {
  const { proxies } = live ?? {};
  const route = { ...answerRoute(mesh, caller, question), ...(proxies && { proxies }) };
  const authorization = answerAuthorization(mesh, caller, question, proxyOf, live);
  const from = `${caller.name}.${caller.namespace}`;
  const to = route.to.service ?? question.host;
  const known = knowsLine(caller.name, to, route, live !== undefined);
  const lines = ['pass', 'refuse', 'invalid'].includes(route.outcome)
    ? [known]
    : [
        known,
        routeLine(route, live !== undefined),
        ...securityLines(strangerNotes(mesh, caller), caller, authorization, route, live),
        ...authorizationLines(caller, authorization),
        ...(live === undefined ? [] : liveLines(route, live)),
      ];
  return { from, to, lines, route, authorization };
}

function knowsLine(name: string, to: string, { outcome, clusters, notes }: RouteAnswer, live: boolean): CheckLine {
  if (outcome === 'refuse' || outcome === 'pass' || outcome === 'invalid')
    return {
      name: 'knows',
      result: outcome === 'pass' ? 'warning' : 'bad',
      text: `${name} does not know ${to}`,
      ...(notes[0] === undefined ? {} : { detail: notes[0] }),
      fix: 'weft describe service shows who may see it; weft route says what becomes of the call',
    };
  const endpoints = clusters.flatMap((cluster) => cluster.endpoints);
  const healthy = endpoints.filter((endpoint) => endpoint.healthy).length;
  const text = `${name} knows ${to}`;
  if (!live) return { name: 'knows', result: 'good', text, detail: 'who is well is not known from files' };
  const isResolved = clusters.some(({ discovery }) => discovery !== undefined && discovery !== 'registry');
  if (endpoints.length === 0 && (isResolved || clusters.length === 0)) return { name: 'knows', result: 'good', text };
  if (healthy === 0)
    return {
      name: 'knows',
      result: 'bad',
      text,
      detail: endpoints.length === 0 ? 'no endpoint: 503 UH' : endpointsText(clusters),
      fix: 'weft get workloads shows who joined and why one is not called',
    };
  const result = healthy === endpoints.length ? 'good' : 'warning';
  return { name: 'knows', result, text, detail: endpointsText(clusters) };
}

function routeLine(answer: RouteAnswer, live: boolean): CheckLine {
  const { outcome, route, by, clusters, status, to, aborted } = answer;
  const place = by === undefined ? {} : { by };
  if (outcome === 'no-rule')
    return {
      name: 'route',
      result: 'bad',
      text: `404: no rule of ${to.service} fits`,
      ...place,
      fix: 'weft route says which condition of each rule fails',
    };
  if (outcome !== 'forward')
    return {
      name: 'route',
      result: answersError(answer) ? 'bad' : 'warning',
      text: `${route}: ${status} by the sidecar of the caller`,
      ...place,
      ...(answersError(answer) ? { fix: 'remove directResponse, or narrow the match of that rule' } : {}),
    };
  if (aborted !== undefined)
    return {
      name: 'route',
      result: aborted.percent === 100 ? 'bad' : 'warning',
      text: `${route}: ${aborted.answer} by a fault, for ${Number(aborted.percent.toFixed(2))}% of the calls`,
      by: aborted.by,
      fix: 'remove fault.abort of that rule',
    };
  const missing = clusters.filter(({ discovery }) => discovery === undefined);
  // Where all is one destination, `knows` tells of it.
  const empty = live && clusters.length > 1 ? emptyShares(clusters) : [];
  const gone = [
    ...missing.slice(0, 1).map(({ cluster }) => `there is no destination ${cluster}: 503 NC`),
    ...empty.map(
      ({ service, subset, percent, endpoints }) =>
        `${endpoints.length === 0 ? 'no endpoint' : 'none healthy'} of ${subset ?? service}: ${Number(percent.toFixed(2))}% of the calls get 503 UH`,
    ),
  ];
  const shares = clusters.map(({ service, subset, percent }) =>
    clusters.length === 1
      ? (subset ?? service)
      : `${subset === undefined ? service : subset} ${Number(percent.toFixed(2))}%`,
  );
  return {
    name: 'route',
    result: gone.length > 0 ? 'bad' : 'good',
    text: `${routeText(route)} -> ${shares.join(', ')}`,
    ...(gone.length === 0 ? {} : { detail: gone.join('; ') }),
    ...place,
    ...(empty.length === 0 ? {} : { fix: 'weft get workloads shows who joined, and with which labels' }),
  };
}

function securityLines(
  [stranger]: readonly string[],
  { name, principal }: AuthorizationCaller,
  { answers }: AuthorizationAnswer,
  { clusters, to }: RouteAnswer,
  live: LiveFacts | undefined,
): readonly CheckLine[] {
  const begun = begunTls(clusters);
  // Where no endpoint is known either, as of names that are resolved for each request.
  if (answers.length === 0) return [...begun].map((service) => begunLine(service));
  return answers.map((answer): CheckLine => {
    const { mode, identified, workloads } = answer;
    const who = namesOf(workloads);
    if (answer.why === 'disconnected') {
      const spoken = identified ? 'mesh TLS is spoken to' : 'the mode is not known of';
      const text = `${spoken} ${who}, whose sidecar is disconnected ${sinceText(answer.disconnectedFor)}`;
      return { name: 'mTLS', result: 'warning', text };
    }
    if (mode === undefined && begun.has(answer.service)) return begunLine(who);
    if (answer.why === 'external') return externalLine(who, to.protocol);
    if (mode === undefined)
      return { name: 'mTLS', result: 'warning', text: `plaintext: no sidecar stands before ${who}` };
    const place = { by: mode.by };
    if (identified) {
      const text = `${mode.value} at ${who}: the caller is ${principal}`;
      if (stranger !== undefined) return { name: 'mTLS', result: 'warning', text, detail: stranger, ...place };
      const certificate = principal === undefined ? undefined : live?.certificateOf(principal);
      const left = certificate && Date.parse(certificate.notAfter) - (live?.now ?? 0);
      return {
        name: 'mTLS',
        result: left !== undefined && left <= 0 ? 'bad' : 'good',
        text,
        ...(left === undefined ? {} : { detail: left <= 0 ? 'its leaf has ended' : `leaf valid ${roundSpan(left)}` }),
        ...place,
      };
    }
    const strict = mode.value === 'STRICT';
    const isBegun = begun.has(answer.service);
    const because = principal === undefined ? `${name} has no identity` : 'its client policy or the mode says so';
    return {
      name: 'mTLS',
      result: strict ? 'bad' : 'warning',
      text: `${mode.value} at ${who}: the call is ${isBegun ? 'under TLS begun by the sidecar, not mesh TLS' : 'plaintext'}${strict ? ' and is closed' : ''}`,
      detail: because,
      ...place,
      ...(strict
        ? {
            fix:
              principal === undefined
                ? 'let the caller join the mesh (weft run)'
                : 'remove tls.mode from its DestinationRule',
          }
        : {}),
    };
  });
}

/** Services to which the sidecar begins TLS in place of the program (P48), whichever share of the call goes there. */
function begunTls(clusters: RouteAnswer['clusters']): ReadonlySet<string> {
  const others = new Set(clusters.filter(({ security }) => security !== 'tls').map(({ service }) => service));
  return new Set(clusters.map(({ service }) => service).filter((service) => !others.has(service)));
}

function begunLine(who: string): CheckLine {
  const detail = 'no mesh identity is shown there';
  return { name: 'mTLS', result: 'good', text: `TLS begun by the sidecar to ${who}`, detail };
}

/** No sidecar takes mesh TLS off there. Whether bytes that nobody reads are TLS is the program's own affair. */
function externalLine(host: string, protocol: Protocol | undefined): CheckLine {
  if (protocol === undefined || !isHttp(protocol))
    return { name: 'mTLS', result: 'good', text: `as the program sends it: ${host} is an external host` };
  return {
    name: 'mTLS',
    result: 'warning',
    text: `plaintext: ${host} is an external host`,
    fix: 'have the sidecar begin TLS there: a DestinationRule with tls.mode SIMPLE',
  };
}
