import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { bundleSecretName, identitySecretName } from '../translate/names.ts';
import type { Stats } from './envoy-admin.ts';

/** The statistics that readiness needs, as a filter for the admin endpoint. */
export const readinessStats =
  '^(server\\.live|cluster_manager\\.(cds\\.update_success|active_clusters)|listener_manager\\.(lds\\.update_(success|rejected)|total_listeners_active))$';

/** The lists of `/config_dump` about secrets. */
export interface SecretDump {
  readonly active: readonly unknown[];
  readonly warming: readonly unknown[];
}

/** A certificate that Envoy holds for its workload. */
export interface ServedCertificate {
  readonly spiffeId: string;
  /** Milliseconds since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
}

export type Readiness =
  | {
      readonly ready: true;
      readonly listeners: number;
      readonly clusters: number;
      /** Absent for a proxy that nothing yet needs a certificate of. */
      readonly certificate?: ServedCertificate;
    }
  /** What is missing, in the words of a status line. */
  | { readonly ready: false; readonly waitingFor: string };

/**
 * Whether a sidecar is a working member: CDS and LDS acknowledged, started, and the certificate there (section 8 of experience.md); who refused a
 * listener is one without that. Envoy's own `/ready` proves none of it (E5). `needsCertificate`: it receives traffic, so without a
 * certificate it serves nobody.
 */
export function readinessOf(stats: Stats, secrets: SecretDump, needsCertificate: boolean): Readiness {
  const count = (name: string) => stats.get(name) ?? 0;
  if (count('cluster_manager.cds.update_success') === 0) return { ready: false, waitingFor: 'clusters (CDS)' };
  // Of a response that was refused for one listener, a port in use for example, Envoy takes the others (E15).
  const listeners = count('listener_manager.total_listeners_active');
  const someTaken = count('listener_manager.lds.update_rejected') > 0 && listeners > 0;
  if (count('listener_manager.lds.update_success') === 0 && !someTaken)
    return { ready: false, waitingFor: 'listeners (LDS)' };
  if (secrets.warming.some(isOwn)) return { ready: false, waitingFor: 'certificates (SDS)' };
  const certificate = secrets.active.map(servedCertificate).find((found) => found !== undefined);
  if (needsCertificate && certificate === undefined) return { ready: false, waitingFor: 'certificates (SDS)' };
  if (count('server.live') === 0) return { ready: false, waitingFor: "Envoy's start" };
  // The control plane's own cluster is ours, not part of what it sent.
  const clusters = Math.max(0, count('cluster_manager.active_clusters') - 1);
  return { ready: true, listeners, clusters, ...(certificate === undefined ? {} : { certificate }) };
}

/** A named secret that its namespace does not have keeps its own calls waiting, not the proxy. */
function isOwn(entry: unknown): boolean {
  const name = field(entry, 'name');
  return name === identitySecretName || name === bundleSecretName;
}

/** The workload certificate in one entry of dynamic_active_secrets; undefined for bundles and what is no SVID. */
export function servedCertificate(entry: unknown): ServedCertificate | undefined {
  const chain = field(field(field(entry, 'secret'), 'tls_certificate'), 'certificate_chain');
  const pem = textOf(chain, field(entry, 'name') === identitySecretName);
  if (!pem.includes('BEGIN CERTIFICATE')) return undefined;
  // Only the first certificate of the chain is read, which is the leaf.
  const leaf = new X509Certificate(pem);
  const spiffeId = /URI:(spiffe:\/\/[^,\s]+)/.exec(leaf.subjectAltName ?? '')?.[1];
  if (spiffeId === undefined) return undefined;
  return { spiffeId, notBefore: Date.parse(leaf.validFrom), notAfter: Date.parse(leaf.validTo) };
}

/** What a source of data holds; the file that one names is read where Envoy reads it. */
function textOf(source: unknown, mayLieInFile: boolean): string {
  const [text, bytes, file] = ['inline_string', 'inline_bytes', 'filename'].map((name) => field(source, name));
  if (typeof text === 'string') return text;
  if (typeof bytes === 'string') return Buffer.from(bytes, 'base64').toString();
  if (!mayLieInFile || typeof file !== 'string') return '';
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
}
