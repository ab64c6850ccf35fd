import { isIP } from 'node:net';
import type { ConnectionMatch, ConnectionRule, TlsMatch } from '../../model/connection-rules.ts';
import { hostCovers, plainHost } from '../hosts.ts';
import type { LowerContext } from '../kind-definition.ts';
import type { Infer } from '../shape.ts';
import { anyText, integer, labels, list, object, refused, row, someOf, text } from '../shape-builders.ts';
import { present, repeatHint } from './common.ts';
import { refuseGateways } from './gateway-names.ts';
import { destination } from './http-shape.ts';
import { checkDestinationHost, checkWeights, lowerDestination } from './route-destination.ts';

const route = someOf(object({ destination, weight: integer(0, 2 ** 31 - 1) }, { required: ['destination'] }));

/** Without the condition the match would take connections of callers that it was not for. */
const otherCallers =
  'remove the whole match (the rule, if it has no other), or tell callers apart by sourceLabels or sourceNamespace';

/** What both layers match by; a port of 0 is none, as in Istio. */
const conditions = {
  port: integer(0, 65_535),
  sourceLabels: labels,
  sourceNamespace: text('any-case-label', { allowEmpty: true }),
  gateways: list(text()),
  destinationSubnets: row(list(text('ip-or-cidr')), 'T1', 'decided by the addresses of the service'),
};

const anyMatch = object(conditions);

/** `tls[]`: bytes of TLS, told apart by the server name that the client asks for. */
export const tlsRule = object(
  {
    match: someOf(object({ ...conditions, sniHosts: someOf(text('host')) }, { required: ['sniHosts'] })),
    route,
  },
  { required: ['match', 'route'] },
);

/** `tcp[]`: any other bytes. */
export const tcpRule = object(
  {
    match: list(
      object({
        ...conditions,
        sourceSubnet: row(
          refused('T2', anyText, { hint: otherCallers, isCondition: true }),
          'T2',
          'filter chain by source prefix',
        ),
      }),
    ),
    route,
  },
  { required: ['route'] },
);

/** The rules of `spec.tls`. `hosts` are those of the object, within which the server names must lie (P19). */
export function lowerTlsRules(
  rules: readonly Infer<typeof tlsRule>[],
  hosts: readonly string[],
  context: LowerContext,
): readonly ConnectionRule<TlsMatch>[] {
  const lowered = rules.map((rule, index) => {
    const path = `spec.tls[${index}]`;
    const match = rule.match.map((written, at): TlsMatch => {
      const field = `${path}.match[${at}]`;
      written.sniHosts.forEach((name, position) => {
        checkServerName(name, `${field}.sniHosts[${position}]`, hosts, context);
      });
      return { ...lowerMatch(written, field, context), sniHosts: written.sniHosts.map(plainHost) };
    });
    return { match, route: lowerRoute(rule.route, path, context) };
  });
  checkOrder(lowered, 'spec.tls', context);
  return lowered;
}

/** The rules of `spec.tcp`. */
export function lowerTcpRules(
  rules: readonly Infer<typeof tcpRule>[],
  context: LowerContext,
): readonly ConnectionRule[] {
  const lowered = rules.map((rule, index) => {
    const path = `spec.tcp[${index}]`;
    const match = (rule.match ?? []).map((written, at) => lowerMatch(written, `${path}.match[${at}]`, context));
    return { match, route: lowerRoute(rule.route, path, context) };
  });
  checkOrder(lowered, 'spec.tcp', context);
  return lowered;
}

function lowerRoute(written: Infer<typeof route>, path: string, context: LowerContext): ConnectionRule['route'] {
  checkWeights(written, `${path}.route`, context);
  written.forEach((each, index) => {
    checkDestinationHost(each.destination, `${path}.route[${index}].destination`, context);
  });
  return written.map((each) =>
    present<ConnectionRule['route'][number]>({
      destination: lowerDestination(each.destination),
      weight: each.weight,
      headers: undefined,
    }),
  );
}

function lowerMatch(match: Infer<typeof anyMatch>, field: string, context: LowerContext): ConnectionMatch {
  refuseGateways(match.gateways ?? [], `${field}.gateways`, 'this match (the rule, if it has no other)', context);
  return present<ConnectionMatch>({
    port: match.port === 0 ? undefined : match.port,
    sourceLabels: match.sourceLabels ?? {},
    sourceNamespace: match.sourceNamespace || undefined,
    destinationSubnets: match.destinationSubnets ?? [],
  });
}

/** P19: a server name lies within the hosts as they are written, and is one that a client can ask for. */
function checkServerName(name: string, field: string, hosts: readonly string[], context: LowerContext): void {
  const plain = plainHost(name);
  if (isIP(plain) !== 0) {
    const message = `server name ${name} is an address, which no client asks for by name`;
    context.report('WEFT0136', field, message, 'write the host name', { severity: 'warning' });
  } else if (!hosts.some((host) => hostCovers(plainHost(host), plain))) {
    const message = `tls rules meet no such host: ${JSON.stringify(name)} is none of the hosts of this object`;
    context.report('WEFT0136', field, message, `hosts: ${hosts.join(', ')}; write one of them, or add it there`);
  } else if (plain.startsWith('*') && !plain.startsWith('*.')) {
    // Valid in Istio, but a proxy knows wildcards of whole labels only.
    context.refuse(field, 'never', name, { hint: 'write the names that it means, or "*.name"' });
  }
}

/** P11: rules after one that takes every connection (WEFT0130), and matches that stand in an earlier rule (WEFT0131). */
function checkOrder(rules: readonly ConnectionRule[], path: string, context: LowerContext): void {
  const catchAll = rules.findIndex(({ match }) => takesEverything(match));
  const seen = new Map<string, string>();
  rules.forEach(({ match }, index) => {
    const field = `${path}[${index}]`;
    const unreachable = (earlier: string, why: string, isMovable: boolean) => {
      const line = context.lineOf(earlier);
      const related = [{ file: context.file, line, message: why }];
      const message = `${field} is never reached: ${why}`;
      const hint = isMovable
        ? `move it before ${earlier} at ${context.file}:${line}`
        : 'remove it, or give it another match';
      context.report('WEFT0130', field, message, hint, { related });
    };
    if (catchAll !== -1 && index > catchAll) {
      const first = `${path}[${catchAll}]`;
      unreachable(first, `${first} takes every connection`, !takesEverything(match));
      return;
    }
    const repeated = match.map((each, at) => {
      const key = textOf(each);
      const first = seen.get(key);
      if (first === undefined) seen.set(key, `${field}.match[${at}]`);
      else {
        const related = [{ file: context.file, line: context.lineOf(first), message: 'first here' }];
        context.report('WEFT0131', `${field}.match[${at}]`, `match repeats ${first}`, repeatHint(match.length), {
          related,
        });
      }
      return first;
    });
    const [first] = repeated;
    const earlier = first !== undefined && repeated.every((one) => one !== undefined && !one.startsWith(`${field}.`));
    if (earlier) unreachable(first, 'earlier rules have all of its matches', false);
  });
}

function takesEverything(match: ConnectionRule['match']): boolean {
  return match.length === 0 || match.some(takesAll);
}

/** Whether a match of `tcp[]` has no condition; one of `tls[]` always has server names. */
function takesAll(match: ConnectionMatch | TlsMatch): boolean {
  return (
    !('sniHosts' in match) &&
    match.port === undefined &&
    match.sourceNamespace === undefined &&
    match.destinationSubnets.length === 0 &&
    Object.keys(match.sourceLabels).length === 0
  );
}

/** Equal conditions have equal text, in whatever order their parts were written. */
function textOf(match: ConnectionMatch | TlsMatch): string {
  const names = 'sniHosts' in match ? [...match.sniHosts].sort() : [];
  const sourceLabels = Object.entries(match.sourceLabels).sort(([a], [b]) => (a < b ? -1 : 1));
  const subnets = [...match.destinationSubnets].sort();
  return JSON.stringify([match.port, match.sourceNamespace, sourceLabels, subnets, names]);
}
