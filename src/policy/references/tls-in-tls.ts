import type { DestinationRuleObject, Policy } from '../../model/policy.ts';
import { remember, rememberWith } from '../../model/remember.ts';
import { isHttp, type Service, type ServicePort } from '../../model/service.ts';
import { plainHost, resolveHost } from '../hosts.ts';
import { declareHttp, isTls } from './declare-layer.ts';
import { type ReferenceScope, relatedTo, reportAt } from './reference-scope.ts';
import { isReached } from './rule-clients.ts';
import { objectNamed, servicesCovered } from './scope-index.ts';
import { type TlsBlock, tlsBlocks, tlsBlocksAt } from './tls-blocks.ts';

/**
 * WEFT0167: TLS that the sidecar begins around TLS that the application has begun. Where http rules lead to the port, or keys are fetched
 * from it, it is requests that are sent there, so TLS has to be begun. Mesh TLS may hold what it likes: the other sidecar takes it off.
 */
export function checkTlsInTls(scope: ReferenceScope, rule: DestinationRuleObject): void {
  if (!beginsTls(rule)) return;
  const { dnsSuffix } = scope.settings;
  const told = new Set<string>();
  for (const service of servicesCovered(scope, resolveHost(rule.spec.host, rule.namespace, dnsSuffix))) {
    if (!isReached(scope, rule, service)) continue;
    for (const port of service.ports.filter(isTls)) {
      if (isRouted(portsOfRequests(scope.policies, dnsSuffix), service, port)) continue;
      for (const block of tlsBlocksAt(rule, port.number).filter(begins)) {
        if (told.has(block.field)) continue;
        told.add(block.field);
        reportTwice(scope, rule, block, service, port);
      }
    }
  }
}

/** Most rules begin none, and every change of what they are looked at beside looks at all of them. */
const beginsTls = remember((rule: DestinationRuleObject) => tlsBlocks(rule).some(begins));

function begins({ tls: { mode } }: TlsBlock): boolean {
  return mode === 'SIMPLE' || mode === 'MUTUAL';
}

/** `api.example.com 443` of every destination of http rules and every key server; `only` for the port of who has no other (P14). */
const portsOfRequests = rememberWith((policies: readonly Policy[], dnsSuffix: string): ReadonlySet<string> => {
  const found = new Set<string>();
  const add = (host: string, namespace: string, port: number | string) =>
    found.add(`${resolveHost(host, namespace, dnsSuffix)} ${port}`);
  for (const { kind, namespace, spec } of policies) {
    if (kind === 'VirtualService') {
      for (const { destination } of spec.http.flatMap(({ route }) => route))
        add(destination.host, namespace, destination.port ?? 'only');
    } else if (kind === 'RequestAuthentication') {
      for (const { keys } of spec.rules) {
        if (keys.kind !== 'remote') continue;
        const { protocol, hostname, port } = new URL(keys.uri);
        add(hostname, namespace, port || (protocol === 'https:' ? '443' : '80'));
      }
    }
  }
  return found;
});

function isRouted(routed: ReadonlySet<string>, { host, ports }: Service, { number }: ServicePort): boolean {
  const name = plainHost(host);
  return routed.has(`${name} ${number}`) || (ports.length === 1 && routed.has(`${name} only`));
}

function reportTwice(
  scope: ReferenceScope,
  rule: DestinationRuleObject,
  { tls: { mode }, field }: TlsBlock,
  service: Service,
  { number, protocol }: ServicePort,
): void {
  const message = `${mode} begins TLS around the TLS of applications: port ${number} of ${service.host} is ${protocol}`;
  const requests = service.ports.filter((port) => isHttp(port.protocol)).map((port) => port.number);
  const instead =
    requests.length > 0 && !field.includes('portLevelSettings')
      ? `write it in portLevelSettings of port ${requests.join(', ')} alone`
      : declareHttp([service]);
  const hint = `remove tls where applications begin TLS themselves; ${instead}`;
  const { object } = service.by ?? {};
  const kind = service.origin === 'entry' ? 'ServiceEntry' : 'Service';
  const written = objectNamed(scope, kind, service.namespace, object?.name);
  const index = written?.spec.ports.findIndex(({ port }) => port === number);
  const related = written && relatedTo(written, `spec.ports[${index}]`, protocol);
  reportAt(scope, 'WEFT0167', rule, `${field}.mode`, message, hint, { ...(related && { related }) });
}
