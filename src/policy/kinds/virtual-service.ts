import type { VirtualServiceObject } from '../../model/policy.ts';
import type { HttpRule } from '../../model/virtual-service.ts';
import { hostCovers, plainHost } from '../hosts.ts';
import { type LowerContext, networking, supportedKind } from '../kind-definition.ts';
import type { Infer } from '../shape.ts';
import { list, object, row, text } from '../shape-builders.ts';
import { checkExportTo, exportTo, refuseRepeats, repeatHint } from './common.ts';
import { refuseGateways } from './gateway-names.ts';
import { lowerHttpRule } from './http-rule.ts';
import { httpRule } from './http-shape.ts';
import { lowerTcpRules, lowerTlsRules, tcpRule, tlsRule } from './l4-routes.ts';

const shape = object(
  {
    hosts: row(list(text('host')), 'T0', 'domains of the virtual host'),
    gateways: row(list(text()), 'T0', 'route configuration; mesh means every proxy'),
    exportTo,
    http: list(httpRule),
    tls: row(list(tlsRule), 'T1', 'filter chain by server_names with tcp_proxy'),
    tcp: row(list(tcpRule), 'T0', 'tcp_proxy with a cluster or weighted clusters'),
  },
  { atLeastOne: [['http', 'tls', 'tcp']] },
);

/** VirtualService for the mesh: `hosts`, `exportTo` and the rules of `http[]`, `tls[]` and `tcp[]`, at least one of them. */
export const virtualService = supportedKind<typeof shape, VirtualServiceObject>({
  kind: 'VirtualService',
  apiVersions: networking,
  spec: shape,
  lower(spec, context) {
    const hosts = spec.hosts ?? [];
    checkHosts(hosts, spec.gateways ?? [], context);
    refuseGateways(spec.gateways ?? [], 'spec.gateways', 'the object', context);
    const http = (spec.http ?? []).map((written, index) => lowerHttpRule(written, `spec.http[${index}]`, context));
    checkOrder(spec, http, context);
    const tls = lowerTlsRules(spec.tls ?? [], hosts, context);
    const tcp = lowerTcpRules(spec.tcp ?? [], context);
    if (http.length + tls.length + tcp.length === 0) {
      context.report('WEFT0002', 'spec', 'expected a rule in "http", "tls" or "tcp", got none', 'add a rule');
    }
    return { hosts, exportTo: checkExportTo(context, spec.exportTo, false), http, tls, tcp };
  },
});

/** The names that the object routes: in the mesh not all, and each of them once (P5). Without any, other objects would delegate to it. */
function checkHosts(hosts: readonly string[], gateways: readonly string[], context: LowerContext): void {
  if (hosts.length === 0) {
    const message =
      'a VirtualService without hosts, to which others delegate, is valid in Istio but not supported by Weft';
    context.report('WEFT0004', 'spec', `${message} (T2)`, 'add hosts');
  }
  hosts.forEach((host, index) => {
    const field = `spec.hosts[${index}]`;
    if (host === '*') {
      // For gateways alone every host is right; they are refused by name.
      if (gateways.length > 0 && !gateways.includes('mesh')) return;
      const hint = 'a rule of the mesh names its hosts, or "*.name"';
      context.report('WEFT0002', field, 'expected the hosts by name, got "*"', hint);
    } else if (host.startsWith('*') && !host.startsWith('*.')) {
      context.refuse(field, 'never', host, { hint: 'write the names that it means, or "*.name"' });
    }
  });
  const repeated = (host: string, index: number) => [`spec.hosts[${index}]`, plainHost(host)] as const;
  refuseRepeats(context, hosts.map(repeated), 'host');
  hosts.forEach((host, index) => {
    const cover = (a: string, b: string) => a !== b && (hostCovers(a, b) || hostCovers(b, a));
    const first = hosts.slice(0, index).find((other) => cover(plainHost(other), plainHost(host)));
    if (first === undefined || host === '*' || first === '*') return;
    const message = `expected hosts of which none covers another, got ${JSON.stringify(first)} and ${JSON.stringify(host)}`;
    context.report('WEFT0002', `spec.hosts[${index}]`, message, 'keep one');
  });
}

/** P11: rules after a catch-all (WEFT0130), repeated matches (WEFT0131), and none at all (WEFT0139). */
function checkOrder(spec: Infer<typeof shape>, http: readonly HttpRule[], context: LowerContext): void {
  // A rule that does nothing is an error of its own, which says nothing of the others.
  const catchAll = http.findIndex((rule) => acts(rule) && matchesAll(rule));
  if (!http.some(matchesAll) && http.length > 0) {
    context.report(
      'WEFT0139',
      'spec.http',
      'no rule matches every request; others get 404',
      'add a last rule without match',
    );
  }
  const seen = new Map<string, string>();
  http.forEach((rule, index) => {
    const field = `spec.http[${index}]`;
    if (catchAll !== -1 && index > catchAll) {
      if (!acts(rule)) return;
      const first = `spec.http[${catchAll}]`;
      const line = context.lineOf(first);
      const related = [{ file: context.file, line, message: 'matches every request' }];
      const message = `${field} is never reached: ${first} matches every request`;
      const hint = matchesAll(rule)
        ? 'remove it, or give it a match'
        : `move it before ${first} at ${context.file}:${line}`;
      context.report('WEFT0130', field, message, hint, { related });
      return;
    }
    const matches = spec.http?.[index]?.match ?? [];
    matches.forEach(({ name: _, statPrefix: _stat, gateways: _mesh, ...match }, at) => {
      const key = JSON.stringify(sorted(match));
      const first = seen.get(key);
      if (first === undefined) seen.set(key, `${field}.match[${at}]`);
      else {
        const related = [{ file: context.file, line: context.lineOf(first), message: 'first here' }];
        context.report('WEFT0131', `${field}.match[${at}]`, `match repeats ${first}`, repeatHint(matches.length), {
          related,
        });
      }
    });
  });
}

function acts({ route, redirect, directResponse }: HttpRule): boolean {
  return route.length > 0 || redirect !== undefined || directResponse !== undefined;
}

function matchesAll(rule: HttpRule): boolean {
  return rule.match.length === 0 || rule.match.some(isUnconditional);
}

function isUnconditional(match: HttpRule['match'][number]): boolean {
  const { uri } = match;
  const anyPath =
    uri === undefined || uri.kind === 'present' || (uri.kind === 'prefix' && (uri.value === '/' || uri.value === ''));
  const maps = [match.headers, match.withoutHeaders, match.queryParams, match.sourceLabels];
  const single = [match.method, match.authority, match.scheme, match.port, match.sourceNamespace];
  return anyPath && single.every((value) => value === undefined) && maps.every((map) => Object.keys(map).length === 0);
}

/** The same value with its keys in order, so that equal values have equal text. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries: [string, unknown][] = Object.entries(value);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, inner]) => [key, sorted(inner)]));
}
