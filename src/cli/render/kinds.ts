import type { RegistrySourceReport, TokenReport } from '../../admin/admin-source.ts';
import type { PolicyItem, PortItem, ServiceItem, WorkloadItem } from '../../admin/mesh-values.ts';
import { localityText } from '../../model/locality.ts';
import type { CertificateStatus } from '../../model/status.ts';
import { knownHealth } from '../../model/workload.ts';
import type { Column } from '../output.ts';
import { shortSpan, spanInWords } from './span.ts';

/** The columns of `weft get KIND`; times are against `now`, milliseconds since 1970. */
export function serviceColumns(now: number): readonly Column<ServiceItem>[] {
  return [
    { title: 'NAME', of: (item) => (item.name === item.host ? item.host : `${item.name}.${item.namespace}`) },
    { title: 'PORTS', of: (item) => item.ports.map((port) => `${port.number}/${port.protocol}`).join(',') || '-' },
    {
      title: 'WORKLOADS',
      of: ({ workloads, resolution }) => (resolution === 'registry' ? ready(workloads) : resolution),
    },
    { title: 'MTLS', of: (item) => item.mtls },
    { title: 'POLICIES', of: (item) => String(item.policies.length) },
    { title: 'AGE', of: (item) => (item.since === undefined ? '-' : shortSpan(now - Date.parse(item.since))) },
    { title: 'HOST', of: (item) => item.host, wide: true },
    { title: 'FROM', of: (item) => item.from ?? item.origin, wide: true },
  ];
}

function ready(workloads: ServiceItem['workloads']): string {
  return workloads.healthy === workloads.total ? String(workloads.total) : `${workloads.healthy} of ${workloads.total}`;
}

export const workloadColumns: readonly Column<WorkloadItem>[] = [
  { title: 'NAME', of: (item) => item.id },
  { title: 'SERVICE', of: (item) => item.service ?? '-' },
  { title: 'VERSION', of: (item) => item.labels.version ?? '-' },
  { title: 'ADDRESS', of: (item) => item.address },
  { title: 'PORTS', of: (item) => item.ports.map((port) => `${port.port}->${port.endpointPort}`).join(',') || '-' },
  { title: 'HEALTH', of: (item) => knownHealth(item.health, item) },
  { title: 'SOURCE', of: (item) => item.from ?? item.source },
  { title: 'IDENTITY', of: (item) => item.identity ?? '-', wide: true },
  { title: 'LABELS', of: (item) => labels(item.labels), wide: true },
  { title: 'LOCALITY', of: ({ locality }) => (locality ? localityText(locality) : '-'), wide: true },
  { title: 'GROUP', of: (item) => item.group?.name ?? '-', wide: true },
];

function labels(of: Readonly<Record<string, string>>): string {
  return Object.entries(of)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
}

export const policyColumns: readonly Column<PolicyItem>[] = [
  { title: 'NAME', of: (item) => `${item.kind}/${item.namespace}/${item.name}` },
  { title: 'FROM', of: (item) => `${item.file}:${item.line}` },
  { title: 'COMMIT', of: (item) => item.commit },
  { title: 'LABELS', of: (item) => labels(item.labels) || '-', wide: true },
];

export function certificateColumns(now: number): readonly Column<CertificateStatus>[] {
  const until = (iso: string) => {
    const span = Date.parse(iso) - now;
    return span <= 0 ? 'over' : `in ${spanInWords(span)}`;
  };
  return [
    { title: 'IDENTITY', of: (item) => item.identity },
    { title: 'EXPIRES', of: (item) => until(item.notAfter) },
    { title: 'RENEWS', of: (item) => until(item.renewsAt) },
    { title: 'HOLDERS', of: (item) => String(item.holders) },
    { title: 'SERIAL', of: (item) => item.serial, wide: true },
    { title: 'NOT-AFTER', of: (item) => item.notAfter, wide: true },
  ];
}

export const tokenColumns: readonly Column<TokenReport>[] = [
  { title: 'ID', of: (item) => item.id },
  { title: 'KIND', of: (item) => item.kind },
  { title: 'FOR', of: (item) => item.identities?.join(',') ?? item.role ?? '-' },
  { title: 'USES', of: tokenUses },
  { title: 'EXPIRES', of: (item) => item.expires ?? 'never' },
  { title: 'SERVICES', of: (item) => item.services?.join(',') ?? '-', wide: true },
  { title: 'ADDRESSES', of: (item) => item.cidrs?.join(',') ?? 'its own', wide: true },
  { title: 'PORTS', of: (item) => item.ports?.join(',') ?? 'any', wide: true },
  { title: 'LABELS', of: (item) => labels(item.labels ?? {}) || '-', wide: true },
  { title: 'GROUP', of: (item) => item.group ?? '-', wide: true },
  { title: 'CREATED', of: (item) => item.createdAt, wide: true },
  { title: 'BY', of: (item) => item.createdBy, wide: true },
];

/** What it is still good for, or why for nothing. */
function tokenUses({ revoked, expired, rootGone, uses }: TokenReport): string {
  if (revoked) return 'revoked';
  if (uses === 0) return 'spent';
  if (expired) return 'expired';
  if (rootGone) return 'root is gone';
  return uses === undefined ? '-' : `${uses} left`;
}

export const portColumns: readonly Column<PortItem>[] = [
  { title: 'NAME', of: (item) => (item.name === item.host ? item.host : `${item.name}.${item.namespace}`) },
  { title: 'PORT', of: (item) => String(item.port) },
  { title: 'PROTOCOL', of: (item) => item.protocol },
  { title: 'LOCAL', of: (item) => String(item.localPort) },
  { title: 'HOST', of: (item) => item.host, wide: true },
];

export const sourceColumns: readonly Column<RegistrySourceReport>[] = [
  { title: 'NAME', of: (item) => item.name },
  { title: 'WORKLOADS', of: (item) => String(item.workloads) },
  { title: 'CLASHES', of: (item) => item.clashes.join(',') || '-' },
];
