import type { DestinationRuleObject, Labels, VirtualServiceObject } from '../../model/policy.ts';
import { selects } from '../../model/selector.ts';
import type { Service } from '../../model/service.ts';
import { hostCovers, isVisible, isWildcardHost, plainHost, resolveHost } from '../hosts.ts';
import { isActing } from './acting-rules.ts';
import type { ReferenceScope } from './reference-scope.ts';
import { rulesCovering } from './scope-index.ts';

/** Clients that decide alike. */
export interface RuleClient {
  /** `*`: one that nobody names. */
  readonly namespace: string;
  /** Those that some selector asks for. */
  readonly labels: Labels;
}

/** Stands for a namespace that nobody names. */
export const anyNamespace = '*';

/** What may be meant by a host as `object` writes it: the services of this name, else the wildcards that cover it. */
export function candidatesOf(
  scope: ReferenceScope,
  object: { readonly namespace: string },
  host: string,
): readonly Service[] {
  const name = resolveHost(host, object.namespace, scope.settings.dnsSuffix);
  return [...(scope.byHost.get(name) ?? []), ...scope.wildcards.filter((one) => hostCovers(one.host, name))];
}

/**
 * The service that clients of a namespace mean where `object` writes a host, of those that they see (P6): by name, of their own namespace
 * first, then the object's, then the Service whose name it is, then by key; else a wildcard that covers it.
 */
export function serviceFor(
  scope: ReferenceScope,
  object: { readonly namespace: string },
  host: string,
  client: string,
): Service | undefined {
  const visible = candidatesOf(scope, object, host).filter((one) => isSeen(one, client));
  const name = resolveHost(host, object.namespace, scope.settings.dnsSuffix);
  const exact = visible.filter((one) => plainHost(one.host) === name);
  const inNamespace = (namespace: string) => exact.find((one) => one.namespace === namespace);
  return (
    inNamespace(client) ?? inNamespace(object.namespace) ?? exact.find(({ origin }) => origin !== 'entry') ?? visible[0]
  );
}

/** P6. */
export function isSeen({ exportTo, namespace }: Service, client: string): boolean {
  return isVisible(exportTo, namespace, client);
}

/** The services that one host of an object means, for whichever of its clients. */
export function servicesMeant(
  scope: ReferenceScope,
  object: VirtualServiceObject,
  host: string,
  clients: readonly string[],
): readonly Service[] {
  const name = resolveHost(host, object.namespace, scope.settings.dnsSuffix);
  if (isWildcardHost(name)) {
    const covered = (scope.services ?? []).filter((service) => hostCovers(name, service.host));
    return covered.filter((service) => clients.some((client) => isSeen(service, client)));
  }
  return [...new Set(clients.flatMap((client) => serviceFor(scope, object, host, client) ?? []))];
}

/**
 * The namespaces that may decide otherwise than others about an object, and see it (P6): its own, each that something here names, and one
 * that nothing names.
 */
export function clientNamespaces(
  scope: ReferenceScope,
  object: VirtualServiceObject,
  rivals: readonly VirtualServiceObject[],
): readonly string[] {
  const { http, tls, tcp, hosts } = object.spec;
  const found = new Set([object.namespace, ...object.spec.exportTo]);
  const add = (one: { readonly namespace: string }, exportTo: readonly string[]) => {
    found.add(one.namespace);
    for (const entry of exportTo) found.add(entry);
  };
  const addServices = (services: readonly Service[]) => {
    for (const service of services) if (!isForAll(scope, service)) add(service, service.exportTo);
  };
  for (const host of hosts) {
    const name = resolveHost(host, object.namespace, scope.settings.dnsSuffix);
    addServices(
      isWildcardHost(name)
        ? (scope.services ?? []).filter((service) => hostCovers(name, service.host))
        : candidatesOf(scope, object, host),
    );
  }
  for (const rival of rivals) add(rival, rival.spec.exportTo);
  for (const { match } of [...http, ...tls, ...tcp])
    for (const { sourceNamespace } of match) if (sourceNamespace !== undefined) found.add(sourceNamespace);
  for (const destination of destinationsOf(object)) {
    addServices(candidatesOf(scope, object, destination.host));
    if (destination.subset === undefined) continue;
    for (const rule of rulesOf(scope, object, destination.host)) add(rule, rule.spec.exportTo);
  }
  for (const word of ['.', '~', '*', '']) found.delete(word);
  found.delete(object.namespace);
  const all = [object.namespace, ...[...found].sort(), anyNamespace];
  return all.filter((client) => isVisible(object.spec.exportTo, object.namespace, client));
}

/** The only service of its name, that everybody sees, is the same for all. */
function isForAll({ byHost }: ReferenceScope, { host, exportTo }: Service): boolean {
  return (exportTo.length === 0 || exportTo.includes('*')) && byHost.get(plainHost(host))?.length === 1;
}

/** The clients for whom an object acts: all who see it where nobody knows its hosts; where others act instead, one. */
export function clientsOf(
  scope: ReferenceScope,
  object: VirtualServiceObject,
  rivals: readonly VirtualServiceObject[],
  called: readonly Service[],
  namespaces: readonly string[],
): readonly RuleClient[] {
  const { dnsSuffix } = scope.settings;
  const acting = namespaces.filter((client) =>
    called.some((service) => isSeen(service, client) && isActing(object, rivals, service, client, dnsSuffix)),
  );
  const some = called.length === 0 ? namespaces : acting.length > 0 ? acting : namespaces.slice(0, 1);
  return some.flatMap((namespace) => labelsAsked(scope, object, namespace).map((labels) => ({ namespace, labels })));
}

/** Without labels, and with those that a selector of this namespace or a match of the object asks for. */
function labelsAsked(scope: ReferenceScope, object: VirtualServiceObject, namespace: string): readonly Labels[] {
  const { http, tls, tcp } = object.spec;
  const hosts = new Set(destinationsOf(object).flatMap(({ host, subset }) => (subset === undefined ? [] : [host])));
  const selectors = [...hosts].flatMap((host) =>
    rulesOf(scope, object, host).flatMap(({ namespace: owner, spec }) =>
      owner === namespace && spec.workloadSelector !== undefined ? [spec.workloadSelector] : [],
    ),
  );
  const matches = [...http, ...tls, ...tcp].flatMap(({ match }) => match.map(({ sourceLabels }) => sourceLabels));
  const combined = matches.flatMap((labels) => selectors.map((selector) => ({ ...labels, ...selector })));
  const all = [{}, ...selectors, ...matches, ...combined];
  return [...new Map(all.map((labels) => [JSON.stringify(Object.entries(labels).sort()), labels])).values()];
}

/** P10: the clients for whom a rule survives; one where there are none, as what is wrong with a rule is wrong anyway. */
export function matchedBy(
  clients: readonly RuleClient[],
  match: readonly { readonly sourceNamespace?: string; readonly sourceLabels: Labels }[],
): readonly RuleClient[] {
  if (match.length === 0) return clients;
  const found = clients.filter(({ namespace, labels }) =>
    match.some(
      ({ sourceNamespace = namespace, sourceLabels }) => sourceNamespace === namespace && selects(sourceLabels, labels),
    ),
  );
  return found.length > 0 ? found : clients.slice(0, 1);
}

function destinationsOf({
  spec: { http, tls, tcp },
}: VirtualServiceObject): readonly { readonly host: string; readonly subset?: string }[] {
  const requests = http.flatMap(({ route, mirrors }) => [...route, ...mirrors]);
  const connections = [...tls, ...tcp].flatMap(({ route }) => route);
  return [...requests, ...connections].map(({ destination }) => destination);
}

function rulesOf(scope: ReferenceScope, object: VirtualServiceObject, host: string): readonly DestinationRuleObject[] {
  return rulesCovering(scope, resolveHost(host, object.namespace, scope.settings.dnsSuffix)).map(({ rule }) => rule);
}

/** P20: the DestinationRules that hold for calls of a client to a service: of the first namespace with a match, the most specific host. */
export function rulesFor(
  scope: ReferenceScope,
  service: Service,
  { namespace: client, labels }: RuleClient,
): readonly DestinationRuleObject[] {
  const holds = ({ namespace, spec }: DestinationRuleObject) =>
    spec.workloadSelector === undefined
      ? namespace === client || isVisible(spec.exportTo, namespace, client)
      : namespace === client && selects(spec.workloadSelector, labels);
  const covering = rulesCovering(scope, plainHost(service.host)).filter(({ rule }) => holds(rule));
  for (const namespace of new Set([client, service.namespace, scope.settings.rootNamespace])) {
    const here = covering.filter(({ rule }) => rule.namespace === namespace);
    const [first] = here;
    if (first === undefined) continue;
    const rules = here.filter(({ host }) => host === first.host).map(({ rule }) => rule);
    // P21: those with a selector go before those without.
    const selecting = rules.filter(({ spec }) => spec.workloadSelector !== undefined);
    return selecting.length > 0 ? selecting : rules;
  }
  return [];
}

/** P6, P20, P21: whether a rule acts for a client that sees the service. Of a third namespace it acts for its own clients alone. */
export function isReached(
  { settings }: ReferenceScope,
  { namespace, spec }: DestinationRuleObject,
  service: Service,
): boolean {
  if (isSeen(service, namespace)) return true;
  if (spec.workloadSelector !== undefined || ![service.namespace, settings.rootNamespace].includes(namespace)) {
    return false;
  }
  const clients = [service.namespace, anyNamespace, ...spec.exportTo, ...service.exportTo];
  return clients.some((client) => isVisible(spec.exportTo, namespace, client) && isSeen(service, client));
}

/** `bank, other namespaces`; nothing where it is so for all, and whoever wrote the object is one of them. */
export function whomText(
  concerned: readonly RuleClient[],
  all: readonly RuleClient[],
  own: string,
): string | undefined {
  if (concerned.length === all.length && all.some(({ namespace }) => namespace === own)) return undefined;
  const spaces = [...new Set(concerned.map(({ namespace }) => namespace))];
  const texts = spaces.map((namespace) => {
    const name = namespace === anyNamespace ? 'other namespaces' : namespace;
    const here = concerned.filter((one) => one.namespace === namespace);
    if (here.length === all.filter((one) => one.namespace === namespace).length) return name;
    const [{ labels } = { labels: {} }] = here;
    const pairs = Object.entries(labels).map(([key, value]) => `${key}: ${value}`);
    return `${name} ${pairs.length === 0 ? 'that no workloadSelector chooses' : `with ${pairs.join(', ')}`}`;
  });
  return texts.join(', ');
}

/** Whether it is labels alone that tell those who are concerned from others: nobody may come without them. */
export function isByLabels(concerned: readonly RuleClient[], all: readonly RuleClient[]): boolean {
  return concerned.every(({ namespace }) =>
    all.some((other) => other.namespace === namespace && !concerned.includes(other)),
  );
}
