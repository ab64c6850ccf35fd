import type { AuthorizationPolicyObject } from '../../model/policy.ts';
import type { AuthorizationRule, AuthorizationSource } from '../../model/security-policy.ts';
import { selects } from '../../model/selector.ts';
import { isHttp } from '../../model/service.ts';
import type { Workload } from '../../model/workload.ts';
import { providerOf } from './authorizers.ts';
import { ofKind, type ReferenceScope, reportAt } from './reference-scope.ts';
import { portsUsed, selecting } from './service-workloads.ts';

/**
 * What rules do where connections are all there is. WEFT0153 (P45): a condition on HTTP meets a TCP port. WEFT0164: a rule is judged
 * there when the caller's first byte comes. Each is told once for each rule. `workloads` undefined: nobody knows who is there.
 */
export function checkTcpRules(
  scope: ReferenceScope,
  policy: AuthorizationPolicyObject,
  workloads: readonly Workload[] | undefined,
): void {
  const { action, rules, dryRun } = policy.spec;
  const ports = workloads === undefined ? writtenTcpPorts(scope, policy) : tcpPorts(scope, workloads);
  if (ports.length === 0) return;
  // What HTTP alone can be asked about, nobody is asked about (P39).
  const isDumb = action === 'CUSTOM' && providerOf(scope, policy)?.http !== undefined;
  rules.forEach((rule, index) => {
    const port = isDumb ? ports.find((each) => reaches(rule, each)) : undefined;
    if (port !== undefined) {
      const message = `provider ${policy.spec.provider} speaks HTTP, and port ${port} is TCP: nobody can be asked there`;
      const hint = 'name the HTTP ports, or a provider that speaks gRPC';
      reportAt(scope, 'WEFT0153', policy, `spec.rules[${index}]`, message, hint, { severity: 'error' });
      return;
    }
    const reached = ports
      .filter((port) => reaches(rule, port))
      .map((port) => ({ port, httpField: httpFieldAt(rule, port) }));
    const http = reached.find(({ httpField }) => httpField !== undefined);
    if (http?.httpField) {
      const effect = effects[action];
      const message = `HTTP field ${http.httpField.name} on TCP port ${http.port}; the rule then ${effect}`;
      const hint =
        action === 'ALLOW' ? 'name the HTTP ports' : `name the HTTP ports, if port ${http.port} shall be open`;
      reportAt(scope, 'WEFT0153', policy, `spec.rules[${index}].${http.httpField.field}`, message, hint);
    }
    // An ALLOW rule that asks for HTTP is not there at all (P45).
    const acting = reached.find(({ httpField }) => action !== 'ALLOW' || httpField === undefined);
    if (acting && action !== 'AUDIT' && dryRun !== true && !decidedInHandshake[action](rule)) {
      const message = `${action} rule on TCP port ${acting.port} acts at the caller's first byte; a server that speaks first is heard until then`;
      const hint = 'an ALLOW rule by principals is checked in the handshake';
      reportAt(scope, 'WEFT0164', policy, `spec.rules[${index}]`, message, hint);
    }
  });
}

/** The ports of these workloads that are no HTTP: as a Service says, else as the workload itself declares. */
function tcpPorts(scope: ReferenceScope, workloads: readonly Workload[]): readonly number[] {
  const services = selecting(ofKind(scope, 'Service'), ofKind(scope, 'ServiceEntry'));
  const ports = workloads.flatMap((workload) => {
    const used = portsUsed(services, workload);
    const declared = workload.ports.flatMap(({ port, protocol }) =>
      protocol && !used.some((use) => use.port === port) ? [{ port, protocol }] : [],
    );
    return [...used, ...declared].flatMap(({ port, protocol }) => (isHttp(protocol) ? [] : [port]));
  });
  return [...new Set(ports)];
}

/** The same of files alone: of the Services all of whose workloads the policy selects. */
function writtenTcpPorts(scope: ReferenceScope, { namespace, spec }: AuthorizationPolicyObject): readonly number[] {
  const everywhere = namespace === scope.settings.rootNamespace;
  const services = ofKind(scope, 'Service').filter(
    (service) =>
      (everywhere || service.namespace === namespace) &&
      Object.keys(service.spec.selector).length > 0 &&
      selects(spec.selector, service.spec.selector),
  );
  const ports = services.flatMap((service) =>
    service.spec.ports.flatMap(({ port, targetPort = port, protocol }) =>
      typeof targetPort === 'string' || isHttp(protocol) ? [] : [targetPort],
    ),
  );
  return [...new Set(ports)];
}

const effects = { ALLOW: 'allows nothing', DENY: 'denies more', AUDIT: 'notes more', CUSTOM: 'asks about more' };

type Operation = AuthorizationRule['to'][number];

/** Whether a rule says anything at a port (P29). */
function reaches({ to, when }: AuthorizationRule, port: number): boolean {
  return (
    (to.length === 0 || to.some((operation) => operationReaches(operation, port))) &&
    when.every(({ key, values, notValues }) => {
      if (key !== 'destination.port') return true;
      const here = (written: string) => Number(written) === port;
      return (values.length === 0 || values.some(here)) && !notValues.some(here);
    })
  );
}

function operationReaches({ ports, notPorts }: Operation, port: number): boolean {
  return (ports.length === 0 || ports.includes(port)) && !notPorts.includes(port);
}

/** A condition on HTTP: what it is called, and its field below the rule. */
interface HttpField {
  readonly name: string;
  readonly field: string;
}

/** The first one in what reaches the port. */
function httpFieldAt(rule: AuthorizationRule, port: number): HttpField | undefined {
  for (const [index, operation] of rule.to.entries()) {
    const [name] = operationReaches(operation, port) ? httpFields(operation) : [];
    if (name !== undefined) return { name, field: `to[${index}].operation.${name}` };
  }
  const token = rule.from.findIndex(
    ({ requestPrincipals, notRequestPrincipals: not }) => requestPrincipals.length + not.length > 0,
  );
  if (token !== -1) {
    const name = rule.from[token]?.requestPrincipals.length === 0 ? 'notRequestPrincipals' : 'requestPrincipals';
    return { name, field: `from[${token}].source.${name}` };
  }
  const position = rule.when.findIndex(({ key }) => key.startsWith('request.'));
  const name = rule.when[position]?.key;
  return name === undefined ? undefined : { name, field: `when[${position}].key` };
}

function httpFields(operation: Operation): readonly string[] {
  const names = ['hosts', 'notHosts', 'methods', 'notMethods', 'paths', 'notPaths'] as const;
  return names.filter((name) => operation[name].length > 0);
}

/** What one list of alternatives asks of the caller: identities, which a certificate answers, or something else. */
interface Asked {
  readonly identities: number;
  readonly others: number;
}

/** Whether the certificate alone decides a rule, so that whom it refuses hears nothing (decision 10). */
const decidedInHandshake: Readonly<Record<'ALLOW' | 'DENY' | 'CUSTOM', (rule: AuthorizationRule) => boolean>> = {
  ALLOW: allowsInHandshake,
  DENY: deniesInHandshake,
  CUSTOM: () => false,
};

/** A DENY rule that matches every connection, or all but those of some identities; what it says of HTTP is left out (P45). */
function deniesInHandshake({ from, when }: AuthorizationRule): boolean {
  const [source, another] = from;
  return (
    another === undefined &&
    Object.entries(source ?? {}).every(([name, values]) => values.length === 0 || excludingFields.includes(name)) &&
    when.every(
      ({ key, values }) =>
        key === 'destination.port' || key.startsWith('request.') || (identityKeys.includes(key) && values.length === 0),
    )
  );
}

const excludingFields: readonly string[] = [
  'notPrincipals',
  'notNamespaces',
  'notServiceAccounts',
  'notTrustDomains',
  'requestPrincipals',
  'notRequestPrincipals',
] satisfies readonly (keyof AuthorizationSource)[];

/**
 * An ALLOW rule that asks for nothing, or for one thing about the identity. A second one, a negation or an address is left to the first
 * byte.
 */
function allowsInHandshake({ from, when }: AuthorizationRule): boolean {
  const asked = when.map(({ key, values, notValues }): Asked => {
    if (key === 'destination.port') return { identities: 0, others: 0 };
    const identity = identityKeys.includes(key);
    return { identities: identity ? count([values]) : 0, others: count(identity ? [notValues] : [values, notValues]) };
  });
  const sources = from.length === 0 ? [{ identities: 0, others: 0 }] : from.map(askedBySource);
  return sources.every((source) => {
    const whole = [source, ...asked];
    return whole.every(({ others }) => others === 0) && whole.reduce((sum, one) => sum + one.identities, 0) <= 1;
  });
}

const identityKeys: readonly string[] = [
  'source.principal',
  'source.namespace',
  'source.serviceAccount',
  'source.trustDomain',
];

function askedBySource(source: AuthorizationSource): Asked {
  const { principals, namespaces, serviceAccounts, trustDomains, ...rest } = source;
  return {
    identities: count([principals, namespaces, serviceAccounts, trustDomains]),
    others: count(Object.values(rest)),
  };
}

function count(lists: readonly (readonly unknown[])[]): number {
  return lists.filter((list) => list.length > 0).length;
}
