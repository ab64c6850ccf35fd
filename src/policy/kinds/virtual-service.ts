import type { VirtualServiceObject } from '../../model/policy.ts';
import { hostCovers, plainHost } from '../hosts.ts';
import { type LowerContext, networking, supportedKind } from '../kind-definition.ts';
import { list, object, row, text } from '../shape-builders.ts';
import { beside, checkExportTo, exportTo, refuseRepeats } from './common.ts';
import { refuseGateways } from './gateway-names.ts';
import { checkOrder } from './http-order.ts';
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
    checkOrder(http, context);
    const tls = lowerTlsRules(spec.tls ?? [], hosts, context);
    const tcp = lowerTcpRules(spec.tcp ?? [], context);
    if (http.length + tls.length + tcp.length === 0) {
      context.report(
        'WEFT0002',
        'spec',
        'expected a rule in "http", "tls" or "tcp", got none',
        'add a rule, such as http: [{route: [{destination: {host: reviews}}]}]',
      );
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
      const hint = 'write its hosts, such as reviews, or "*.name": a rule of the mesh names them';
      context.report('WEFT0002', field, 'expected the hosts by name, got "*"', hint);
    } else if (host.startsWith('*') && !host.startsWith('*.')) {
      context.refuse(field, 'never', host, { hint: 'write the names that it means, or "*.name"' });
    }
  });
  const repeated = (host: string, index: number) => [`spec.hosts[${index}]`, plainHost(host)] as const;
  refuseRepeats(context, hosts.map(repeated), 'host');
  hosts.forEach((host, index) => {
    const cover = (a: string, b: string) => a !== b && (hostCovers(a, b) || hostCovers(b, a));
    const at = hosts.slice(0, index).findIndex((other) => cover(plainHost(other), plainHost(host)));
    const first = hosts[at];
    if (first === undefined || host === '*' || first === '*') return;
    const message = `expected hosts of which none covers another, got ${JSON.stringify(first)} and ${JSON.stringify(host)}`;
    context.report('WEFT0002', `spec.hosts[${index}]`, message, 'keep one', beside(context, 'spec', `hosts[${at}]`));
  });
}
