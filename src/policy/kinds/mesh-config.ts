import { isTrustDomain } from '../../model/identity.ts';
import type { ExportDefaults, MeshConfigSpec } from '../../model/mesh-config.ts';
import type { LowerContext } from '../kind-definition.ts';
import type { Infer } from '../shape.ts';
import {
  anyText,
  anything,
  bool,
  choice,
  duration,
  list,
  object,
  port,
  refused,
  row,
  text,
} from '../shape-builders.ts';
import { textRules } from '../text-rules.ts';
import { beside, present } from './common.ts';
import { connectionPool, lowerKeepalive } from './connection-pool.ts';
import { lowerRetries } from './http-resilience.ts';
import { retries } from './http-shape.ts';
import { localityLbSetting, lowerLocalityLbSetting } from './locality-lb.ts';
import { lowerAccessLog } from './mesh-config-log.ts';
import { extensionProviders, lowerProviders } from './mesh-config-providers.ts';
import { refusedMeshConfig } from './mesh-config-refused.ts';
import { lowerMeshTls, lowerTlsDefaults, meshTls, tlsDefaults } from './mesh-config-tls.ts';
import { outlierDetection } from './outlier-detection.ts';
import { lowerBlocks } from './traffic-policy.ts';

const hour = 3_600_000;
const exportTo = list(text('export-to'));
const unencrypted = 'remove it where unknown hosts may be called without TLS; else set mode: REGISTRY_ONLY';

/** The plain body of `meshconfig.yaml` at the root of the tree (section 3.5). */
export const meshConfig = object({
  trustDomain: row(text(), 'T0', 'trust domain of the identities', 'D16'),
  trustDomainAliases: row(list(text()), 'T0', 'other trust domains that count as this one'),
  rootNamespace: row(text('label'), 'T0', 'where mesh-wide objects live', 'D16'),
  enableAutoMtls: row(bool, 'T0', 'mesh TLS to every endpoint that has it', 'D15'),
  outboundTrafficPolicy: row(
    object({
      mode: choice(['ALLOW_ANY', 'REGISTRY_ONLY', 'ALLOW_ANY_DYNAMIC_DNS']),
      tls: refused('T2', anything, { hint: unencrypted }),
    }),
    'T0',
    'what becomes of unknown hosts',
    'D18',
  ),
  connectTimeout: row(duration(1, hour), 'T0', 'connect_timeout of the clusters', 'D4'),
  tcpKeepalive: connectionPool.fields.tcp.fields.tcpKeepalive,
  defaultHttpRetryPolicy: row(retries, 'T0', 'retries where no rule has its own', 'D1'),
  defaultServiceExportTo: row(exportTo, 'T0', 'which clients see a Service without exportTo', 'D19'),
  defaultVirtualServiceExportTo: row(exportTo, 'T0', 'the same for VirtualServices', 'D19'),
  defaultDestinationRuleExportTo: row(exportTo, 'T0', 'the same for DestinationRules', 'D19'),
  pathNormalization: row(
    object({ normalization: choice(['DEFAULT', 'NONE', 'BASE', 'MERGE_SLASHES', 'DECODE_AND_MERGE_SLASHES']) }),
    'T0',
    'path normalisation of the connection managers',
    'D22',
  ),
  accessLogFile: row(anyText, 'T0', 'file of the access log', 'D28'),
  accessLogFormat: row({ is: 'text', rule: 'free', nonEmpty: false }, 'T0', 'format of its lines'),
  accessLogEncoding: row(choice(['TEXT', 'JSON']), 'T0', 'text or JSON'),
  proxyListenPort: row(port, 'T0', 'where HTTP_PROXY is served', 'D26'),
  // Envoy wants more than a millisecond.
  dnsRefreshRate: row(duration(2, hour), 'T1', 'dns_refresh_rate; after a failure', 'D25'),
  meshMTLS: row(meshTls, 'T1', 'TLS parameters of mesh TLS'),
  tlsDefaults: row(tlsDefaults, 'T1', 'TLS parameters of TLS origination'),
  h2UpgradePolicy: row(
    choice(['DO_NOT_UPGRADE', 'UPGRADE']),
    'T1',
    "HTTP protocol of connections to endpoints; the caller's",
  ),
  defaultTrafficPolicy: row(
    object({ connectionPool, outlierDetection }),
    'T1',
    'blocks where a DestinationRule has none of the kind',
  ),
  localityLbSetting: row(
    localityLbSetting,
    'T1',
    'locality weights, endpoint priorities where no rule has its own',
    'D12',
  ),
  extensionProviders,
  ...refusedMeshConfig,
});

/** Where a sidecar listens for HTTP_PROXY unless its own flags say otherwise (D26). */
const proxyPort = 15_001;

/** MeshConfig as the mesh's defaults; `trustDomain` is whose certificates the control plane signs, if that is known. */
export function lowerMeshConfig(
  written: Infer<typeof meshConfig>,
  context: LowerContext,
  trustDomain: string | undefined,
): MeshConfigSpec {
  checkTrustDomains(written, context, trustDomain);
  if (written.proxyListenPort !== undefined && written.proxyListenPort !== proxyPort) {
    const reason = "the port is each sidecar's own (weft run --outbound-port)";
    context.refuse('proxyListenPort', 'T2', `${written.proxyListenPort}`, { reason });
  }
  const { defaultHttpRetryPolicy: policy, tcpKeepalive: keepalive, pathNormalization } = written;
  const normalization = pathNormalization?.normalization;
  return present<MeshConfigSpec>({
    trustDomain: written.trustDomain,
    trustDomainAliases: written.trustDomainAliases ?? [],
    rootNamespace: written.rootNamespace,
    enableAutoMtls: written.enableAutoMtls,
    outboundTrafficPolicy: passing(written.outboundTrafficPolicy?.mode),
    connectTimeout: written.connectTimeout,
    tcpKeepalive: keepalive && lowerKeepalive(keepalive, 'tcpKeepalive', context),
    defaultHttpRetryPolicy: policy && lowerRetries(policy, 'defaultHttpRetryPolicy', context),
    exportTo: present<ExportDefaults>({
      Service: exportDefault(context, 'defaultServiceExportTo', written.defaultServiceExportTo),
      VirtualService: exportDefault(context, 'defaultVirtualServiceExportTo', written.defaultVirtualServiceExportTo),
      DestinationRule: exportDefault(context, 'defaultDestinationRuleExportTo', written.defaultDestinationRuleExportTo),
    }),
    pathNormalization: normalization === 'DEFAULT' ? 'BASE' : normalization,
    accessLog: lowerAccessLog(written, context),
    dnsRefreshRate: written.dnsRefreshRate,
    h2Upgrade: written.h2UpgradePolicy === 'UPGRADE' ? true : undefined,
    meshTls: written.meshMTLS && lowerMeshTls(written.meshMTLS, context),
    tlsDefaults: written.tlsDefaults && lowerTlsDefaults(written.tlsDefaults, context),
    authorizers: written.extensionProviders && lowerProviders(written.extensionProviders, context),
    localityLbSetting:
      written.localityLbSetting && lowerLocalityLbSetting(written.localityLbSetting, 'localityLbSetting', context),
    defaultTrafficPolicy:
      written.defaultTrafficPolicy && lowerBlocks(written.defaultTrafficPolicy, 'defaultTrafficPolicy', context),
  });
}

/** Unknown hosts are resolved from requests anyway (D18), which is what ALLOW_ANY_DYNAMIC_DNS asks for. */
function passing(mode: 'ALLOW_ANY' | 'REGISTRY_ONLY' | 'ALLOW_ANY_DYNAMIC_DNS' | undefined) {
  return mode === 'ALLOW_ANY_DYNAMIC_DNS' ? 'ALLOW_ANY' : mode;
}

function checkTrustDomains(
  { trustDomain, trustDomainAliases = [] }: Infer<typeof meshConfig>,
  context: LowerContext,
  signed: string | undefined,
): void {
  const domains = [
    ...(trustDomain === undefined ? [] : [['trustDomain', trustDomain] as const]),
    ...trustDomainAliases.map((alias, index) => [`trustDomainAliases[${index}]`, alias] as const),
  ];
  for (const [field, value] of domains) {
    // As strict as Istio: the parts of a name of DNS.
    if (isTrustDomain(value) && value.split('.').every((part) => textRules.label(part) === undefined)) continue;
    const message = `expected a trust domain such as "corp.example", got ${JSON.stringify(value)}`;
    context.report('WEFT0002', field, message, 'write lower-case letters, digits and "-", in parts with "." between');
  }
  if (trustDomain === undefined || signed === undefined || trustDomain === signed) return;
  const message = `expected the trust domain of the control plane, ${JSON.stringify(signed)}, got ${JSON.stringify(trustDomain)}`;
  const hint = `remove it, or set trustDomain in weft.yaml: whose certificates are signed is no matter of a commit`;
  context.report('WEFT0002', 'trustDomain', message, hint);
}

/** `*` and `~` stand alone (P6). An empty list is none. */
function exportDefault(
  context: LowerContext,
  field: string,
  entries: readonly string[] | undefined,
): readonly string[] | undefined {
  if (entries === undefined || entries.length === 0) return undefined;
  const index = entries.findIndex((entry) => entry === '*' || entry === '~');
  if (index >= 0 && entries.length > 1) {
    const entry = JSON.stringify(entries[index]);
    const message = `${entry} and other entries exclude each other`;
    context.report(
      'WEFT0137',
      `${field}[${index}]`,
      message,
      `write ${entry} alone`,
      beside(context, '', `${field}[${index === 0 ? 1 : 0}]`),
    );
  }
  return entries;
}
