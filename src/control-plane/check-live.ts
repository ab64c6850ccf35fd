import type { CheckLine } from '../model/check-answer.ts';
import type { AnswerCluster, AnswerProxies, RouteAnswer } from '../model/route-answer.ts';
import type { CertificateStatus } from '../model/status.ts';
import { type EdgeRow, type OutReason, outReasons } from '../model/traffic.ts';
import type { LiveSidecars } from './authorization-answer.ts';
import { failingKeysLine } from './failing-keys.ts';
import { type FetchedKeys, keysText } from './fetched-keys.ts';
import { type HeardOut, isNobodyLeft, mostHeldOut, outBecause } from './held-out.ts';
import type { Unanswered } from './question-desk.ts';
import { placeOf } from './route-answer.ts';
import type { UnfetchedKeys } from './unfetched-keys.ts';

/** What a running mesh knows beside its decisions; absent: files alone. */
export interface LiveFacts extends LiveSidecars {
  /** The certificate that is served for a SPIFFE ID without its scheme. */
  certificateOf(principal: string): CertificateStatus | undefined;
  /** How far the caller's proxies have what is decided; absent: nobody in particular calls. */
  readonly proxies?: AnswerProxies;
  /** Of the proxies of the called, those that refused what stands there. */
  readonly called?: AnswerProxies;
  /** The service of the caller, as calls are counted; absent as above. */
  readonly callerService?: { readonly name: string; readonly namespace: string };
  /** Of the last minute. */
  readonly edges: readonly EdgeRow[];
  /** What sidecars hold out at present. */
  readonly troubles: readonly HeardOut[];
  /** The keys of tokens that the connected sidecar of a workload cannot have. */
  failingKeys(workload: string): Unanswered<FetchedKeys> | undefined;
  /** Those that nobody can give it. */
  unfetchedKeys(workload: string): readonly UnfetchedKeys[];
}

/** Shares of the call that come to nobody, though something else of it may. */
export function emptyShares(clusters: readonly AnswerCluster[]): readonly AnswerCluster[] {
  return clusters.filter(
    ({ percent, discovery, endpoints }) =>
      percent > 0 && discovery === 'registry' && !endpoints.some(({ healthy }) => healthy),
  );
}

/** `2 endpoints, all healthy`: of whoever nobody probes nothing is known, and that is said. */
export function endpointsText(clusters: readonly AnswerCluster[]): string {
  const endpoints = clusters.flatMap((cluster) => cluster.endpoints);
  const all = endpoints.length;
  const count = `${all} ${all === 1 ? 'endpoint' : 'endpoints'}`;
  const well = endpoints.filter(({ healthy }) => healthy);
  const unprobed = well.filter(({ probed }) => probed !== true).length;
  const byCallers = clusters.some(({ healthChecked }) => healthChecked) ? "; the caller's sidecar checks them" : '';
  if (well.length === 0) return `${count}, none healthy`;
  if (unprobed === 0) return `${count}, ${well.length === all ? 'all' : well.length} healthy${byCallers}`;
  if (unprobed === all) return `${count}, ${byCallers === '' ? 'not probed' : 'checked by the sidecar of the caller'}`;
  const known = well.length - unprobed;
  return `${count}, ${known} healthy, ${unprobed} not probed${byCallers}`;
}

/** What is otherwise than it was decided: calls of the last minute that failed, endpoints held out, configuration that is not held. */
export function liveLines({ clusters }: RouteAnswer, live: LiveFacts): readonly CheckLine[] {
  const { proxies, called, callerService: caller } = live;
  return [
    ...heldLines(proxies),
    ...heldLines(called),
    ...keyLines(clusters, live),
    ...(caller === undefined ? [] : [...outLines(clusters, caller, live), ...callLines(clusters, caller, live)]),
  ];
}

function heldLines(proxies: AnswerProxies | undefined): readonly CheckLine[] {
  const [first, ...others] = [...(proxies?.otherwise ?? [])].sort(
    (a, b) => Number(b.state === 'refused') - Number(a.state === 'refused'),
  );
  if (first === undefined) return [];
  const { proxy, state, resource, refusal } = first;
  const words = {
    refused: 'refused it',
    waiting: 'has not got it yet',
    unanswered: 'does not answer',
    behind: 'has not got it yet',
  }[state];
  const more = others.length === 0 ? '' : ` and ${others.length} more`;
  return [
    {
      name: 'held',
      result: state === 'refused' ? 'bad' : 'warning',
      text: `${proxy} ${words}${resource === undefined ? '' : `: ${resource}`}${more}`,
      ...(refusal === undefined ? {} : { detail: refusal.message }),
      fix: 'weft route says what becomes of the call there instead',
    },
  ];
}

/** Of whoever is called. */
function keyLines(
  clusters: readonly AnswerCluster[],
  { failingKeys, unfetchedKeys, now }: LiveFacts,
): readonly CheckLine[] {
  const called = clusters.flatMap(({ endpoints }) => endpoints.flatMap(({ workload }) => workload ?? []));
  return [...new Set(called)].flatMap((id) => {
    const unfetched = unfetchedKeys(id);
    const explained = new Set(unfetched.map(({ keys }) => keys.uri));
    const failing = failingKeys(id);
    const lines = unfetched.map((each) => unfetchedLine(id, each));
    if (failing === undefined || failing.among.every(({ uri }) => explained.has(uri))) return lines;
    return [...lines, failingKeysLine(id, failing, now)];
  });
}

function unfetchedLine(workload: string, { keys, why, fix }: UnfetchedKeys): CheckLine {
  const text = `${workload} cannot fetch ${keysText([keys])}: a token of that issuer gets 401`;
  return { name: 'tokens', result: 'bad', text, detail: `key server: ${why}`, by: placeOf(keys.by), fix };
}

type Caller = NonNullable<LiveFacts['callerService']>;

const outFixes: Readonly<Record<OutReason, string>> = {
  ejected: 'look at these applications; weft edges shows what they answer',
  unhealthy: 'look at these applications, and at the HealthCheck: its path and port; policies judge it like any call',
};

/** By cluster, of the sidecar that holds out most. */
function outLines(clusters: readonly AnswerCluster[], caller: Caller, { troubles }: LiveFacts): readonly CheckLine[] {
  return clusters.flatMap((cluster) => {
    const { service, subset, panicBelow } = cluster;
    const out = mostHeldOut(troubles, caller, cluster);
    const result = isNobodyLeft({ ...out, panicBelow }) ? 'bad' : 'warning';
    return outReasons.flatMap((why): readonly CheckLine[] => {
      const most = out[why];
      if (most === undefined) return [];
      const { proxy, endpoints, of } = most;
      const count = `${endpoints}${of === undefined ? '' : ` of ${of}`}`;
      const what = `${service}${subset === undefined ? '' : ` ${subset}`}`;
      return [
        {
          name: why,
          result,
          text: `${proxy} holds out ${count} of ${what}: ${outBecause[why]}`,
          ...(panicBelow === undefined
            ? {}
            : { detail: `where fewer than ${panicBelow}% are well, all are called (D8)` }),
          fix: outFixes[why],
        },
      ];
    });
  });
}

/** As health of the mesh has it: a share of good answers below it is no mishap. */
const goal = 0.99;

function callLines(clusters: readonly AnswerCluster[], caller: Caller, { edges }: LiveFacts): readonly CheckLine[] {
  const called = new Set(clusters.map(({ service }) => service));
  const rows = edges.filter(
    ({ from, fromNamespace, to, toNamespace, beside }) =>
      beside === undefined &&
      from === caller.name &&
      fromNamespace === caller.namespace &&
      (called.has(`${to}.${toNamespace}`) || called.has(to)),
  );
  return rows.flatMap(({ to, requests, success, flags, codes, protocol, tlsFailures = [] }): readonly CheckLine[] => {
    const failed = Math.round(requests * (1 - success));
    if (failed === 0) return [];
    const tallies = [
      ...codes.filter(({ name }) => Number(name) >= 500),
      ...flags,
      ...tlsFailures.map(({ name, count }) => ({ name: `TLS ${name}`, count })),
    ];
    const detail = tallies.map(({ name, count }) => `${name} ${count}`).join(', ');
    return [
      {
        name: 'calls',
        result: success < goal ? 'bad' : 'warning',
        text: `${failed} of ${requests} ${protocol === 'tcp' ? 'connections' : 'calls'} to ${to} failed in the last minute`,
        ...(detail === '' ? {} : { detail }),
        fix: 'weft edges shows who answers what',
      },
    ];
  });
}
