import type { RelatedPlace, Severity } from '../../model/diagnostic.ts';
import { nearestName } from '../../model/nearest-name.ts';
import type { VirtualServiceObject } from '../../model/policy.ts';
import type { Service } from '../../model/service.ts';
import type { Destination } from '../../model/virtual-service.ts';
import { plainHost, resolveHost } from '../hosts.ts';
import {
  areAway,
  hadPort,
  placeOf,
  type ReferenceScope,
  relatedTo,
  reportAt,
  reportAway,
  reportNoService,
} from './reference-scope.ts';
import { candidatesOf, isByLabels, isSeen, type RuleClient, rulesFor, serviceFor, whomText } from './rule-clients.ts';
import { exportHint } from './rule-ports.ts';
import { objectNamed, rulesCovering } from './scope-index.ts';
import { portUsed, workloadsOf } from './service-workloads.ts';

/** What is wrong with a destination for one client. */
interface Problem {
  readonly code: 'WEFT0101' | 'WEFT0112' | 'WEFT0113' | 'WEFT0173';
  readonly field: string;
  readonly message: string;
  readonly hint: string;
  readonly related?: readonly RelatedPlace[];
  /** The client means a service that whoever wrote the object cannot see. */
  readonly isUnseen?: boolean;
  /** It was right while workloads were there that have left. */
  readonly isAway?: boolean;
}

/**
 * WEFT0101, WEFT0112, WEFT0113 (P14) and WEFT0173, for each of the clients for whom the rule acts (P6, P20); a problem of some is said
 * with whose it is. `field` may be that of a single `mirror`, which has the same place.
 */
export function checkDestination(
  scope: ReferenceScope,
  object: VirtualServiceObject,
  field: string,
  destination: Destination,
  called: readonly number[],
  clients: readonly RuleClient[],
): void {
  const { host } = destination;
  const candidates = candidatesOf(scope, object, host);
  const [any] = candidates;
  if (any === undefined) {
    reportNoService(scope, 'WEFT0101', object, `${field}.host`, host, scope.workloads ? 'error' : 'warning');
    return;
  }
  if (areAway(scope, candidates)) reportAway(scope, 'WEFT0101', object, `${field}.host`, host, candidates);
  const found = clients.flatMap((client) => {
    const service = serviceFor(scope, object, host, client.namespace);
    if (service === undefined) return [{ client, problem: hiddenProblem(field, host, any) }];
    if (plainHost(service.host) !== resolveHost(host, object.namespace, scope.settings.dnsSuffix)) {
      return [{ client, problem: coveredProblem(field, host, service) }];
    }
    const ofSubset = subsetProblems(scope, field, destination, service, client);
    const isUnseen = !isSeen(service, object.namespace);
    return [...portProblems(scope, field, destination, service, called), ...ofSubset].map((problem) => ({
      client,
      problem: { ...problem, isUnseen },
    }));
  });
  for (const code of new Set(found.map(({ problem }) => problem.code))) {
    const same = found.filter(({ problem }) => problem.code === code);
    const [first] = same;
    if (first === undefined) continue;
    const { field: at, message, hint, related = [] } = first.problem;
    const concerned = same.map(({ client }) => client);
    const whom = whomText(concerned, clients, object.namespace);
    // What others keep to themselves, or nobody may come to, holds no commit back (P6).
    const isPrivate = concerned.length < clients.length && same.every(({ problem }) => problem.isUnseen === true);
    const isAway = same.every(({ problem }) => problem.isAway === true);
    const severity: Severity = isPrivate || isAway || isByLabels(concerned, clients) ? 'warning' : 'error';
    const word = code === 'WEFT0101' ? 'to' : 'for';
    const text = whom === undefined ? message : `${message} ${word} clients in ${whom}`;
    reportAt(scope, code, object, at, text, hint, { severity, ...(related.length > 0 && { related }) });
  }
}

function hiddenProblem(field: string, host: string, service: Service): Problem {
  const message = `service ${JSON.stringify(host)} is not exported`;
  return { code: 'WEFT0101', field: `${field}.host`, message, hint: exportHint(service) };
}

/** Who has a wildcard is called by it: a name below it is no destination. */
function coveredProblem(field: string, host: string, service: Service): Problem {
  const wildcard = JSON.stringify(service.host);
  const message = `no service ${JSON.stringify(host)}: ${wildcard} covers the name, it is no destination of its own`;
  const further = service.resolution === 'request' ? ` and rewrite.authority: ${host}` : '';
  const hint = `write host: ${wildcard}${further}, or declare a ServiceEntry with this host`;
  return { code: 'WEFT0101', field: `${field}.host`, message, hint };
}

function portProblems(
  scope: ReferenceScope,
  field: string,
  { host, port }: Destination,
  service: Service,
  called: readonly number[],
): readonly Problem[] {
  const numbers = service.ports.map(({ number }) => number);
  const problems: Problem[] = [];
  if (port !== undefined && !numbers.includes(port)) {
    const isAway = hadPort(scope, service, port);
    const message = isAway ? `no workload of ${host} with port ${port} is here now` : `${host} has no port ${port}`;
    const meant = portBefore(scope, service, port);
    const behind = meant === undefined ? '' : `write ${meant}: ${port} is where its workloads serve that; `;
    const hint = `${behind}ports: ${numbers.join(', ')}`;
    problems.push({ code: 'WEFT0113', field: `${field}.port.number`, message, hint, isAway });
  }
  const unclear = called.filter((number) => !numbers.includes(number));
  if (port === undefined && numbers.length > 1 && unclear.length > 0) {
    const message = `${host} has several ports; the destination names none`;
    const hint = `add port.number: one of ${numbers.join(', ')}`;
    problems.push({ code: 'WEFT0112', field: `${field}.host`, message, hint });
  }
  return problems;
}

/** Who names the application's own port means the service port before it. */
function portBefore(scope: ReferenceScope, service: Service, port: number): number | undefined {
  const workloads = workloadsOf(scope, service) ?? [];
  const written = objectNamed(scope, 'Service', service.namespace, service.by?.object.name)?.spec.ports ?? [];
  const target = service.origin === 'service' ? written.find(({ targetPort }) => targetPort === port)?.port : undefined;
  return (
    target ??
    service.ports.find((each) => workloads.some((one) => portUsed(scope, service, one, each) === port))?.number
  );
}

function subsetProblems(
  scope: ReferenceScope,
  field: string,
  { host, subset }: Destination,
  service: Service,
  client: RuleClient,
): readonly Problem[] {
  if (subset === undefined) return [];
  const rules = rulesFor(scope, service, client);
  const names = rules.flatMap((rule) => rule.spec.subsets.map(({ name }) => name));
  if (names.includes(subset)) return [];
  const [rule] = rules;
  const near = nearestName(subset, names);
  const elsewhere = rulesCovering(scope, plainHost(service.host)).find(({ rule: { spec } }) =>
    spec.subsets.some(({ name }) => name === subset),
  )?.rule;
  const hint = rule
    ? `${near ? `did you mean ${JSON.stringify(near)}? ` : ''}defined: ${names.join(', ') || 'none'} at ${placeOf(rule, 'spec.subsets')}`
    : elsewhere
      ? `${placeOf(elsewhere, 'spec.subsets')} defines it, and its ${elsewhere.spec.workloadSelector ? 'workloadSelector' : 'exportTo or namespace'} keeps it from them: let it act for them, or limit exportTo of this object`
      : `add a DestinationRule for ${host} with this subset`;
  const message = `subset ${JSON.stringify(subset)} of ${host} is not defined`;
  const shown = rule ?? elsewhere;
  return [
    {
      code: 'WEFT0173',
      field: `${field}.subset`,
      message,
      hint,
      ...(shown && { related: relatedTo(shown, 'spec.subsets', 'subsets') }),
    },
  ];
}
