import type { Diagnostic, RelatedPlace, Severity } from '../../model/diagnostic.ts';
import type { MeshSettings } from '../../model/mesh.ts';
import { rootNamespaceOf, trustDomainsOf } from '../../model/mesh-config.ts';
import { nearestName } from '../../model/nearest-name.ts';
import type { Labels, Policy } from '../../model/policy.ts';
import { provenance, refOf } from '../../model/policy-provenance.ts';
import type { Service, ServiceKey, ServicePort } from '../../model/service.ts';
import type { Workload } from '../../model/workload.ts';
import type { DiagnosticCode } from '../diagnostic-codes.ts';
import { isWildcardHost, resolveHost } from '../hosts.ts';
import { reportInto } from '../report.ts';
import { objectsOf, servicesByHost } from './scope-index.ts';

/** Named secrets by `<namespace>/<name>`, and what each holds. */
export type SecretNames = ReadonlyMap<string, { readonly keys: boolean; readonly roots: boolean }>;

/** `unset`: the server has no folder of secrets, so there are none. `elsewhere`: they are where the server runs, and not known here. */
export type KnownSecrets = SecretNames | 'unset' | 'elsewhere';

/** Services that nobody wrote, and that are not there: a reference to one is a warning (decision 47). */
export interface AbsentServices {
  /** Those among the services of a scope of which every workload has left; they stand there as they were last. */
  readonly away: ReadonlySet<ServiceKey>;
  /** Ports that a service once had. */
  readonly ports: ReadonlyMap<ServiceKey, readonly Pick<ServicePort, 'number' | 'protocol'>[]>;
  /** Hosts of those that a credential is for, and nobody has come. */
  readonly expected: ReadonlySet<string>;
}

/** What holds for all checks. */
export interface ScopeTerms {
  /** With the root namespace that MeshConfig states. */
  readonly settings: MeshSettings;
  /** Undefined where nothing is to be said of them. */
  readonly secrets: KnownSecrets | undefined;
  /** The mesh's own, then its aliases (P43). */
  readonly trustDomains: readonly string[];
  /** Undefined: nothing is known of what is not there. */
  readonly absent?: AbsentServices | undefined;
}

/** What the checks between objects look at. Without a registry `services` or `workloads` are undefined. */
export interface ReferenceScope extends ScopeTerms {
  readonly policies: readonly Policy[];
  readonly services: readonly Service[] | undefined;
  readonly workloads: readonly Workload[] | undefined;
  readonly found: Diagnostic[];
  /** Services by their host. */
  readonly byHost: ReadonlyMap<string, readonly Service[]>;
  readonly wildcards: readonly Service[];
}

/** What is known besides policies, services and workloads. */
export interface KnownBeside {
  readonly secrets?: KnownSecrets | undefined;
  readonly absent?: AbsentServices | undefined;
}

/** What MeshConfig and the settings say to all checks. */
export function scopeTerms(
  policies: readonly Policy[],
  settings: MeshSettings,
  { secrets, absent }: KnownBeside,
): ScopeTerms {
  return {
    settings: { ...settings, rootNamespace: rootNamespaceOf({ objects: policies }, settings) },
    secrets,
    absent,
    trustDomains: trustDomainsOf({ objects: policies }, settings),
  };
}

/** A scope with its indexes, and no findings yet. */
export function createScope(
  policies: readonly Policy[],
  services: readonly Service[] | undefined,
  workloads: readonly Workload[] | undefined,
  terms: ScopeTerms,
): ReferenceScope {
  const { byHost, wildcards } = servicesByHost(services ?? noServices);
  return { ...terms, policies, services, workloads, found: [], byHost, wildcards };
}

const noServices: readonly Service[] = [];

/** Notes a finding at a field of an object. */
export function reportAt(
  scope: ReferenceScope,
  code: DiagnosticCode,
  object: Policy,
  field: string,
  message: string,
  hint: string,
  details: { readonly severity?: Severity; readonly related?: readonly RelatedPlace[] } = {},
): void {
  const { at, field: written } = provenance(object, field);
  reportInto(scope.found, { object: refOf(object), field: written })(code, at, message, hint, details);
}

/** `policies/a.yaml:3` */
export function placeOf(object: Policy, field: string): string {
  const { at } = provenance(object, field);
  return `${at.file}:${at.line}`;
}

/** A related place of a finding. */
export function relatedTo(object: Policy, field: string, message: string): readonly RelatedPlace[] {
  const { at } = provenance(object, field);
  return [{ file: at.file, line: at.line, message }];
}

/** Where services are declared, the first of them: no list that nobody reads to its end. */
export function relatedServices(services: readonly Service[]): readonly RelatedPlace[] {
  return services
    .slice(0, 8)
    .flatMap(({ by, namespace }) => (by ? [{ file: by.at.file, line: by.at.line, message: `of ${namespace}` }] : []));
}

/** The objects of one kind. */
export function ofKind<K extends Policy['kind']>(
  scope: ReferenceScope,
  kind: K,
): readonly Extract<Policy, { kind: K }>[] {
  return objectsOf(scope, kind);
}

/** Whether only workloads that have left make what is there under a host, if anything does. */
export function areAway({ absent }: ReferenceScope, services: readonly Service[]): boolean {
  return absent !== undefined && services.length > 0 && services.every(({ key }) => absent.away.has(key));
}

/** Whether a port that a service does not have is that of workloads that have left. */
export function hadPort({ absent }: ReferenceScope, { key }: Service, port: number): boolean {
  return absent?.ports.get(key)?.some(({ number }) => number === port) === true;
}

/** A warning, whatever the code is usually: of a service that is known, and away. */
export function reportAway(
  scope: ReferenceScope,
  code: 'WEFT0101' | 'WEFT0174',
  object: Policy,
  field: string,
  host: string,
  [service]: readonly Service[],
  consequence = '',
): void {
  if (service === undefined) return;
  const message = `no workload of service ${JSON.stringify(host)} is here now${consequence}`;
  const hint = `start one (${runCommand(service)}), declare a Service, or correct the name`;
  reportAt(scope, code, object, field, message, hint, { severity: 'warning' });
}

function runCommand({ name, namespace }: Pick<Service, 'name' | 'namespace'>): string {
  return `weft run -n ${namespace} --service ${name}`;
}

/** WEFT0102 or, with `code`, that a host means no service. */
export function reportNoService(
  scope: ReferenceScope,
  code: 'WEFT0101' | 'WEFT0174',
  object: Policy,
  field: string,
  host: string,
  severity: Severity,
  consequence = '',
): void {
  const { dnsSuffix } = scope.settings;
  const services = scope.services ?? [];
  const completed = services.find((service) => service.host === `${host.toLowerCase()}.svc.${dnsSuffix}`);
  if (completed) {
    const short = completed.namespace === object.namespace ? `"${completed.name}" or ` : '';
    reportAt(
      scope,
      'WEFT0102',
      object,
      field,
      `host ${JSON.stringify(host)} has a dot, so it is a full name`,
      `write ${short}"${completed.host}"`,
    );
    return;
  }
  const full = resolveHost(host, object.namespace, dnsSuffix);
  if (scope.absent?.expected.has(full)) {
    const message = `no workload of service ${JSON.stringify(host)} has come yet, though a token is for it`;
    const hint = 'start it with this token (weft run), declare a Service, or correct the name';
    const soft = severity === 'error' ? 'warning' : severity;
    reportAt(scope, code, object, field, `${message}${consequence}`, hint, { severity: soft });
    return;
  }
  const names = services.flatMap((service) =>
    host.includes('.') ? [service.host] : service.namespace === object.namespace ? [service.name] : [],
  );
  const near = nearestName(host, names);
  const elsewhere = services.find((service) => service.name === host && service.namespace !== object.namespace);
  const hint = near
    ? `did you mean ${JSON.stringify(near)}?`
    : elsewhere
      ? `namespace ${elsewhere.namespace} has one: write ${JSON.stringify(elsewhere.host)}`
      : whatMakesIt(scope, object, host);
  const message =
    code === 'WEFT0101' ? `no service ${JSON.stringify(host)}` : `host ${JSON.stringify(host)} matches no service`;
  reportAt(scope, code, object, field, `${message}${consequence}`, hint, { severity });
}

/** A Service is declared, or implied by who joins under its name; any other host is known by a ServiceEntry alone. */
function whatMakesIt({ settings, workloads }: ReferenceScope, object: Policy, host: string): string {
  const suffix = `.svc.${settings.dnsSuffix}`;
  const full = resolveHost(host, object.namespace, settings.dnsSuffix);
  const [name, namespace, ...more] = full.endsWith(suffix) ? full.slice(0, -suffix.length).split('.') : [];
  if (name === undefined || namespace === undefined || more.length > 0 || isWildcardHost(name))
    return 'declare a ServiceEntry with this host, or correct the name';
  if (workloads === undefined)
    return `declare a Service, or correct the name; a workload that joins as "${name}" in ${namespace} makes it too: weft validate --live knows who has`;
  return `declare a Service, let a workload join as it (${runCommand({ name, namespace })}), or correct the name`;
}

/** The hint of a selector that matches nothing: the nearest label of these workloads, else the labels there are. */
export function labelHint(selector: Labels, workloads: readonly Workload[]): string {
  const texts = (labels: Labels) => Object.entries(labels).map(([key, value]) => `${key}: ${value}`);
  const present = [...new Set(workloads.flatMap(({ labels }) => texts(labels)))].sort();
  const missing = texts(selector).filter((text) => !present.includes(text));
  const near = missing.map((text) => nearestName(text, present)).find((text) => text !== undefined);
  if (near) return `nearest label: ${near}`;
  if (present.length === 0) return 'no workload is known here';
  if (missing.length === 0) return 'no workload has all of them at once';
  return `labels present: ${present.slice(0, 8).join(', ')}`;
}
