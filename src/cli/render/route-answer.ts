import { routeText, spanText, valueText } from '../../control-plane/describe-words.ts';
import { outBecause } from '../../control-plane/held-out.ts';
import { answersError, isEmpty } from '../../control-plane/would-fail.ts';
import type { DescriptionRow } from '../../model/description.ts';
import type {
  AnswerCandidate,
  AnswerCluster,
  AnswerPlace,
  RouteAnswer,
  RouteQuestion,
} from '../../model/route-answer.ts';
import { outReasons } from '../../model/traffic.ts';
import { type Marks, marks } from '../marks.ts';
import { shortAuthorizationRows, unknownHostText } from './authorization-answer.ts';
import { descriptionLines } from './description.ts';
import { outText } from './held-out.ts';
import { proxiesMark, proxyRows } from './route-proxies.ts';

/** The lines of `weft route`: the winner, where the call goes, what is decided for it, and who was asked before. */
export function routeLines(answer: RouteAnswer, question: RouteQuestion, env: NodeJS.ProcessEnv): readonly string[] {
  const sign = marks(env);
  const { from, aborted, authorization, candidates, clusters, decisions, notes, proxies, called } = answer;
  const otherwise = proxyRows(proxies, sign);
  const atCalled = proxyRows(called, sign);
  const sections = [
    {
      name: 'result',
      rows: [
        outcomeRow(answer, { ...sign, good: markOf(answer, sign) }),
        ...(aborted === undefined ? [] : [abortedRow(aborted, sign)]),
        ...(authorization === undefined ? [] : shortAuthorizationRows(authorization, sign)),
        ...[
          ...notes,
          ...(otherwise.length > 0 ? ['not everywhere: see "held otherwise"'] : []),
          ...(atCalled.length > 0
            ? ['what stands before the called is not all in force: see "refused by the called"']
            : []),
        ].map((text) => ({
          text: `- ${text}`,
        })),
      ],
    },
    { name: 'held otherwise', rows: otherwise },
    { name: 'refused by the called', rows: atCalled },
    { name: 'goes to', rows: clusters.flatMap((cluster) => clusterRows(cluster, sign, proxies !== undefined)) },
    {
      name: 'with',
      rows: Object.entries(decisions).map(([name, { value, by }]) => ({
        text: `${name} ${decisionText(name, value)}`,
        by: placeText(by),
      })),
    },
    { name: 'asked, in order', rows: candidates.flatMap((candidate) => candidateRows(candidate, sign)) },
  ];
  return descriptionLines({
    subject: `${callText(answer, question)}   from ${question.from === undefined ? 'a caller in ' : `${from.name}.`}${from.namespace}`,
    sections: sections.filter(({ rows }) => rows.length > 0),
  });
}

/** A check mark says that the call gets there by a rule, as far as can be seen from here. */
function markOf(answer: RouteAnswer, sign: Marks): string {
  const { outcome, clusters, aborted, authorization, proxies, called } = answer;
  if (authorization?.outcome === 'refused' || answersError(answer) || aborted?.percent === 100) return sign.bad;
  const mark = proxiesMark(proxies, sign);
  const isLetIn = authorization === undefined || authorization.outcome === 'allowed';
  const isRefused = (called?.otherwise.length ?? 0) > 0;
  return mark === sign.good &&
    (outcome === 'pass' ||
      aborted !== undefined ||
      !isLetIn ||
      isRefused ||
      clusters.some((cluster) => isEmpty(cluster, proxies !== undefined)))
    ? sign.warning
    : mark;
}

function callText({ to, request }: RouteAnswer, { host, port, method, path, serverName }: RouteQuestion): string {
  if (request !== undefined) return `${request.method} ${request.scheme}://${request.authority}${request.path}`;
  const sought = path.startsWith('/') ? path : ` ${JSON.stringify(path)}`;
  const at = `${host}${(to.port ?? port) === undefined ? '' : `:${to.port ?? port}`}`;
  if (method === 'CONNECT') return `${method} ${at}`;
  if (to.protocol === undefined) return `${method} http://${at}${sought}`;
  const named = serverName === '' ? ', no server name' : `, server name ${serverName}`;
  return `${to.protocol} ${at}${serverName === undefined ? '' : named}`;
}

function outcomeRow({ outcome, status, route, by, to }: RouteAnswer, { good, bad }: Marks): DescriptionRow {
  const place = by === undefined ? {} : { by: placeText(by) };
  switch (outcome) {
    case 'forward':
      return { text: `${good} ${routeText(route)}`, ...place };
    case 'redirect':
      return { text: `${good} ${route}: redirected with ${status}`, ...place };
    case 'respond':
      return { text: `${good} ${route}: answered with ${status} by the sidecar itself`, ...place };
    case 'no-rule':
      return { text: `${bad} ${status}: no rule of ${to.service} fits`, ...place };
    case 'pass':
    case 'refuse':
      // The mark of what passes is never the good one.
      return { text: unknownHostText(outcome, status, { warning: good, bad }), ...place };
    case 'invalid':
      return { text: `${bad} ${status}: the sidecar answers by itself, before any rule`, ...place };
    default:
      return outcome satisfies never;
  }
}

function abortedRow({ percent, answer, by }: NonNullable<RouteAnswer['aborted']>, { bad }: Marks): DescriptionRow {
  const text = `${bad} ${Number(percent.toFixed(2))}% of the calls get ${answer} by the sidecar itself (fault.abort)`;
  return { text, by: placeText(by) };
}

function clusterRows(cluster: AnswerCluster, { good, bad }: Marks, isLive: boolean): readonly DescriptionRow[] {
  const { service, port, subset, percent, by, discovery, endpoints, security } = cluster;
  const share = `${Number(percent.toFixed(2))}%`;
  const name = `${service}${service.endsWith(`:${port}`) ? '' : `:${port}`}${subset === undefined ? '' : ` ${subset}`}`;
  const tls = security === 'tls' ? ', TLS begun by the sidecar' : '';
  return [
    { text: `${share} ${name} (${cluster.cluster}${tls})`, by: placeText(by) },
    ...endpoints.map(({ address, workload, healthy, meshTls, priority }) => {
      const words = [
        address,
        ...(workload === undefined ? [] : [workload]),
        ...(meshTls ? ['mTLS'] : []),
        ...(healthy ? [] : ['unhealthy']),
        ...(priority === undefined ? [] : [`priority ${priority}, when those before fail`]),
      ];
      return { text: `    ${healthy ? good : bad} ${words.join(' ')}` };
    }),
    ...outReasons.flatMap((why) => {
      const out = cluster[why];
      return out === undefined
        ? []
        : [{ text: `    ${bad} ${out.proxy} has ${outText(why, out)}: ${outBecause[why]}` }];
    }),
    ...(endpoints.length === 0 ? [{ text: `    ${discoveryText(discovery, isLive)}` }] : []),
  ];
}

function discoveryText(discovery: AnswerCluster['discovery'], isLive: boolean): string {
  switch (discovery) {
    case undefined:
      return 'no such destination';
    case 'registry':
      return isLive ? 'no endpoint is known (UH)' : 'no endpoint in these files; who joins is not known from here';
    case 'dns':
    case 'dns-round-robin':
      return 'by DNS';
    case 'request':
      return "by the request's own host";
    default:
      return discovery satisfies never;
  }
}

/** `retries` as attempts, a span of time as such, anything else as its parts. */
function decisionText(name: string, value: unknown): string {
  if (value === null) return name === 'retries' ? 'off' : 'none';
  return typeof value === 'number' && name === 'timeout' ? spanText(value) : valueText(value, name);
}

function candidateRows(candidate: AnswerCandidate, { good, bad }: Marks): readonly DescriptionRow[] {
  const { name, by, verdict, condition, other } = candidate;
  const place = { by: placeText(by) };
  switch (verdict) {
    case 'chosen':
      return [{ text: `${good} ${routeText(name)}`, ...place }];
    case 'behind':
      return [{ text: `- ${name}: not asked, ${other} takes it before`, ...place }];
    case 'closer':
      return [{ text: `- ${name}: ${other} names the server more closely`, ...place }];
    case 'differs': {
      const { field = '', wanted = '', got } = condition ?? {};
      const is = got === undefined ? 'there is none' : `it is ${JSON.stringify(got)}`;
      return [{ text: `${bad} ${name}: ${field} ${wanted}? ${is}`, by: placeText(condition?.by ?? by) }];
    }
    default:
      return verdict satisfies never;
  }
}

function placeText(place: AnswerPlace): string {
  return 'default' in place ? `default:${place.default}` : `${place.file}:${place.line}`;
}
