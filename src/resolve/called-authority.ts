import type { ForwardAction, RewriteDecision, WeightedDestination } from '../model/ir-route.ts';
import type { Decided } from '../model/provenance.ts';
import { isHttp } from '../model/service.ts';
import { hostsOf } from '../policy/hosts.ts';
import { discoveryOf } from './load-balancing.ts';
import { blocksOf, type RuleContext } from './target-rule.ts';

/** Where requests go, and under which authority. */
interface Called {
  readonly destinations: readonly WeightedDestination[];
  readonly rewrite?: Decided<RewriteDecision>;
}

/**
 * Where requests say themselves whom they mean, a rewritten authority says it: it is what the proxy resolves, at the port that the rule sends
 * to. One without a port would mean another port than the destination's, unless this is the usual one.
 */
export function calledAuthority(context: RuleContext, { destinations, rewrite }: Called): Called {
  const ofRule = rewrite?.value.authority;
  if (ofRule === undefined && destinations.every(({ authority }) => authority === undefined))
    return same(destinations, rewrite);
  const [only, another] = destinations;
  const called = destinations.map((one) => {
    const written = one.authority?.value ?? ofRule;
    const port = written === undefined ? undefined : resolvedPort(context, one);
    return port === undefined || written === undefined ? undefined : withPort(written, port);
  });
  if (called.every((authority) => authority === undefined)) return same(destinations, rewrite);
  if (only && another === undefined && rewrite) {
    const [authority = ofRule] = called;
    const value = { ...rewrite.value, ...(authority !== undefined && { authority }) };
    return { destinations: [{ ...only, resolvesAuthority: true }], rewrite: { ...rewrite, value } };
  }
  const each = destinations.map((one, place): WeightedDestination => {
    const value = called[place];
    const by = one.authority?.by ?? rewrite?.by;
    return value === undefined || by === undefined
      ? one
      : { ...one, authority: { value, by }, resolvesAuthority: true };
  });
  return same(each, rewrite);
}

function same(destinations: readonly WeightedDestination[], rewrite: Called['rewrite']): Called {
  return rewrite === undefined ? { destinations } : { destinations, rewrite };
}

/** Whom requests may name that go to these destinations as their callers wrote them; undefined where none looks at that. */
export function requestNames(
  context: RuleContext,
  destinations: readonly WeightedDestination[],
): ForwardAction['requestNames'] {
  const asked = destinations.flatMap((one) => {
    const service = one.resolvesAuthority ? undefined : context.services.byKey.get(one.destination.service);
    return service === undefined || resolvedPort(context, one) === undefined
      ? []
      : [{ hosts: hostsOf(service), port: one.destination.port }];
  });
  return asked.length === 0 ? undefined : asked;
}

/** The port at which the proxy calls what the request names; undefined where it does not look at that, 0 where it would choose the same. */
function resolvedPort(context: RuleContext, { destination }: WeightedDestination): number | undefined {
  const service = context.services.byKey.get(destination.service);
  const port = service?.ports.find(({ number }) => number === destination.port);
  if (service === undefined || port === undefined || !isHttp(port.protocol)) return undefined;
  const { loadBalancer, tls } = blocksOf(context, destination);
  if (discoveryOf(service, loadBalancer) !== 'request') return undefined;
  const isSecure = tls?.value.mode === 'SIMPLE' || tls?.value.mode === 'MUTUAL';
  return port.number === (isSecure ? 443 : 80) ? 0 : port.number;
}

function withPort(authority: string, port: number): string {
  return port === 0 || /:\d+$/.test(authority.replace(/^\[[^\]]*\]/, '')) ? authority : `${authority}:${port}`;
}
