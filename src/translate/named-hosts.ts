import { escapeRegex } from '../model/escape-regex.ts';
import type { OutboundPort } from '../model/ir.ts';
import { isHttp } from '../model/service.ts';
import {
  type HeaderMatcher,
  type Route,
  RouteMatchSchema,
  RouteSchema,
} from '../proto/gen/envoy/config/route/v3/route_components_pb.ts';
import { message } from '../proto/message.ts';
import { outboundRoute } from './route.ts';
import { headerMatcher } from './text-matcher.ts';
import { tunnelRoute } from './tunnel-route.ts';

/*
 * Where whatever host comes in (a local port), unknown hosts are refused (D18), and a destination calls whom the request names: only the
 * service's own names and those of that destination go there, all others are refused as behind HTTP_PROXY (docs/decisions/60).
 */

/** Hosts without ports (`*.x` covers what is below), and the port at which they are meant; a request may leave the port out. */
export interface NamedHosts {
  readonly hosts: readonly string[];
  readonly port: number;
}

/** The routes of a service port that is called by `names`, its tunnel first, each after the refusal of what it must not take. */
export function routesForNamed(port: OutboundPort, names: readonly string[]): Route[] {
  const own = { hosts: names, port: port.port };
  const tunnel = tunnelRoute(port);
  const isAsked = isHttp(port.protocol) && port.destination.discovery === 'request';
  return [
    ...(isAsked ? [refusal(tunnel, [own], 403)] : []),
    tunnel,
    ...port.routes.flatMap((decided) => {
      const route = outboundRoute(decided, port.port);
      const asked = decided.action.kind === 'forward' ? decided.action.requestNames : undefined;
      return asked === undefined ? [route] : [refusal(route, [own, ...asked], 502), route];
    }),
  ];
}

const everything = message(RouteMatchSchema, { pathSpecifier: { case: 'prefix', value: '/' } });

/** Takes of the requests that `route` would take those that name nobody of these. */
function refusal({ match = everything }: Route, named: readonly NamedHosts[], status: number): Route {
  const hosts = named.flatMap((each) => each.hosts).filter((host) => !host.endsWith('.'));
  const text = `nobody else is known here: the header host says whom this port leads to, of ${[...new Set(hosts)].join(', ')}\n`;
  return message(RouteSchema, {
    name: 'default/unknown',
    match: { ...match, headers: [...match.headers, namesNone(named)] },
    action: { case: 'directResponse', value: { status, body: { specifier: { case: 'inlineString', value: text } } } },
  });
}

function namesNone(named: readonly NamedHosts[]): HeaderMatcher {
  const forms = named.map(({ hosts, port }) => `(?:${[...new Set(hosts.map(hostForm))].join('|')})(?::${port})?`);
  return headerMatcher(
    ':authority',
    { kind: 'regex', value: [...new Set(forms)].join('|') },
    { absent: true, ignoreCase: true },
  );
}

function hostForm(host: string): string {
  if (host === '*') return '[^:]+';
  // Names in DNS have a last dot or none; nothing but what is in names stands before the dot of a wildcard.
  const name = host.endsWith('.') ? host.slice(0, -1) : host;
  return name.startsWith('*') ? `[a-z0-9_.-]+${escapeRegex(name.slice(1))}\\.?` : `${escapeRegex(name)}\\.?`;
}
