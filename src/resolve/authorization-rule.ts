import type { Condition } from '../model/ir-inbound.ts';
import type { TextMatch } from '../model/ir-route.ts';
import type {
  AuthorizationAction,
  AuthorizationCondition,
  AuthorizationOperation,
  AuthorizationRule,
  AuthorizationSource,
} from '../model/security-policy.ts';
import { all, always, any, field, never } from './condition.ts';
import type { MeshDefaults } from './mesh-defaults.ts';
import { namespaceCondition, principalCondition, serviceAccountCondition, trustDomainCondition } from './principal.ts';
import { pathForm, textForm } from './text-form.ts';
import { claimCondition, claimPath, requestPrincipalCondition, requestPrincipalKey } from './token-condition.ts';

/** What a rule's words mean at one inbound port. */
export interface RuleContext {
  readonly settings: MeshDefaults;
  /** The policy's namespace: that of a bare service account. */
  readonly namespace: string;
  readonly action: AuthorizationAction;
  /** The workload's port (P29). */
  readonly port: number;
  /** Whether requests are seen there, or only connections (P45). */
  readonly http: boolean;
}

/** A rule at one port: it matches if both hold (P41). */
export interface RuleConditions {
  readonly caller: Condition;
  readonly operation: Condition;
}

/**
 * P41: `from` AND `to` AND all of `when`, with port conditions decided (P29). On a port without HTTP (P45) an ALLOW rule that asks
 * for HTTP in what reaches the port matches nothing, and a rule of another action forgets only what it asks there: access narrows, more is
 * noted and asked about.
 */
export function ruleConditions(context: RuleContext, rule: AuthorizationRule): RuleConditions {
  if (!context.http && context.action === 'ALLOW' && asksForHttp(rule, context.port))
    return { caller: never, operation: never };
  const when = rule.when.map((condition) => whenCondition(context, condition));
  return {
    caller: all([
      rule.from.length === 0 ? always : any(rule.from.map((source) => sourceCondition(context, source))),
      ...when.map(({ caller }) => caller),
    ]),
    operation: all([
      rule.to.length === 0 ? always : any(rule.to.map((operation) => operationCondition(context, operation))),
      ...when.map(({ operation }) => operation),
    ]),
  };
}

function asksForHttp(rule: AuthorizationRule, port: number): boolean {
  return (
    rule.to.some(
      (to) =>
        reaches(to, port) &&
        [to.hosts, to.notHosts, to.methods, to.notMethods, to.paths, to.notPaths].some((values) => values.length > 0),
    ) ||
    rule.from.some(({ requestPrincipals, notRequestPrincipals: not }) => requestPrincipals.length + not.length > 0) ||
    rule.when.some(({ key }) => key.startsWith('request.'))
  );
}

/** An operation of other ports says nothing here (P29). */
function reaches({ ports, notPorts }: AuthorizationOperation, port: number): boolean {
  return (ports.length === 0 || ports.includes(port)) && !notPorts.includes(port);
}

function sourceCondition({ settings, namespace, http }: RuleContext, source: AuthorizationSource): Condition {
  const principal = (value: string) => principalCondition(value, settings);
  const account = (value: string) => serviceAccountCondition(value, namespace, settings);
  return all([
    field(source.principals, source.notPrincipals, principal),
    field(source.namespaces, source.notNamespaces, namespaceCondition),
    field(source.serviceAccounts, source.notServiceAccounts, account),
    field(source.trustDomains, source.notTrustDomains, trustDomainCondition),
    field(source.ipBlocks, source.notIpBlocks, sourceAddress),
    field(source.remoteIpBlocks, source.notRemoteIpBlocks, remoteAddress),
    http ? field(source.requestPrincipals, source.notRequestPrincipals, requestPrincipalCondition) : always,
  ]);
}

function operationCondition({ http, port }: RuleContext, operation: AuthorizationOperation): Condition {
  const { hosts, notHosts, methods, notMethods, paths, notPaths } = operation;
  const ofRequest = http
    ? [
        field(hosts, notHosts, (value) => ({ kind: 'host', match: textForm(value.toLowerCase(), 'present') })),
        field(methods, notMethods, (value) => ({ kind: 'method', match: textForm(value, 'present') })),
        field(paths, notPaths, (value) => ({ kind: 'path', match: pathForm(value) })),
      ]
    : [];
  return all([reaches(operation, port) ? always : never, ...ofRequest]);
}

/** The keys of section 3.4. Each says something about the caller or about the operation; the other side stays open. */
function whenCondition(context: RuleContext, { key, values, notValues }: AuthorizationCondition): RuleConditions {
  const { settings, namespace, action, port, http } = context;
  const caller = (condition: (value: string) => Condition) => ({
    caller: field(values, notValues, condition),
    operation: always,
  });
  const operation = (condition: (value: string) => Condition) => ({
    caller: always,
    operation: field(values, notValues, condition),
  });
  const header = headerName(key);
  if (header !== undefined) {
    const match = (value: string): TextMatch => textForm(value, 'present');
    return http ? caller((value) => ({ kind: 'header', name: header, match: match(value) })) : open;
  }
  const claim = claimPath(key);
  if (claim !== undefined) return http ? caller((value) => claimCondition(claim, value)) : open;
  switch (key) {
    case requestPrincipalKey:
      return http ? caller(requestPrincipalCondition) : open;
    case 'source.ip':
      return caller(sourceAddress);
    case 'remote.ip':
      return caller(remoteAddress);
    case 'source.namespace':
      return caller(namespaceCondition);
    case 'source.serviceAccount':
      return caller((value) => serviceAccountCondition(value, namespace, settings));
    case 'source.trustDomain':
      return caller(trustDomainCondition);
    case 'source.principal':
      return caller((value) => principalCondition(value, settings));
    case 'destination.ip':
      return operation((value) => ({ kind: 'destination-address', cidr: value }));
    case 'destination.port':
      return operation((value) => (Number(value) === port ? always : never));
    case 'connection.sni':
      return operation((value) => ({ kind: 'server-name', match: textForm(value, 'not-empty') }));
    default:
      // Refused before serving (WEFT0004); a key that nobody can decide narrows access, as in P45.
      return action === 'ALLOW' ? { caller: never, operation: never } : open;
  }
}

const open: RuleConditions = { caller: always, operation: always };

/** `x-user` of `request.headers[x-user]`. */
function headerName(key: string): string | undefined {
  return /^request\.headers\[(.+)\]$/.exec(key)?.[1]?.toLowerCase();
}

function sourceAddress(cidr: string): Condition {
  return { kind: 'source-address', cidr };
}

function remoteAddress(cidr: string): Condition {
  return { kind: 'remote-address', cidr };
}
