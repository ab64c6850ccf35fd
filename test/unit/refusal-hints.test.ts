import { describe, expect, it } from 'vitest';
import { kindTable } from '../../src/policy/kinds/kind-table.ts';
import { meshConfig } from '../../src/policy/kinds/mesh-config.ts';
import { parsePolicies } from '../../src/policy/parse-policies.ts';
import type { Shape } from '../../src/policy/shape.ts';

/**
 * What nobody is let in by, and no call goes elsewhere by, where it is removed as the hint says. Whoever refuses another field decides
 * on which side it is: here, or with a hint of its own.
 */
const removable = `
Service ports[].nodePort, type=NodePort, type=LoadBalancer, publishNotReadyAddresses, trafficDistribution, externalIPs
Service sessionAffinityConfig, loadBalancerIP, loadBalancerClass, externalTrafficPolicy
Service internalTrafficPolicy=Local, healthCheckNodePort, allocateLoadBalancerNodePorts
VirtualService http[].fault.delay.exponentialDelay, http[].fault.abort.http2Error
DestinationRule loadBalancer.backendUtilization
Sidecar ingress[].captureMode=IPTABLES, egress[].captureMode=IPTABLES
MeshConfig tlsDefaults.minProtocolVersion
MeshConfig defaultProviders, zoneAwareLbSetting
MeshConfig inboundTrafficPolicy, defaultInboundHttpRetryPolicy, outboundClusterStatName
MeshConfig inboundClusterStatName, ca, serviceScopeConfigs, ingressClass, ingressService, ingressControllerMode
MeshConfig ingressSelector, enableTracing, disableEnvoyListenerLog, enableEnvoyAccessLogService, enablePrometheusMerge
MeshConfig discoverySelectors, configSources, serviceSettings, certificates, protocolDetectionTimeout
MeshConfig verifyCertificateAtClient, hboneIdleTimeout
MeshConfig defaultConfig.proxyStatsMatcher
MeshConfig defaultConfig.discoveryAddress, defaultConfig.concurrency
MeshConfig defaultConfig.tracing, defaultConfig.holdApplicationUntilProxyStarts, defaultConfig.proxyMetadata
MeshConfig defaultConfig.image, defaultConfig.extraStatTags, defaultConfig.configPath, defaultConfig.binaryPath
MeshConfig defaultConfig.serviceCluster, defaultConfig.parentShutdownDuration
MeshConfig defaultConfig.discoveryRefreshDelay, defaultConfig.zipkinAddress, defaultConfig.statsdUdpAddress
MeshConfig defaultConfig.envoyMetricsServiceAddress, defaultConfig.proxyAdminPort
MeshConfig defaultConfig.availabilityZone, defaultConfig.controlPlaneAuthPolicy, defaultConfig.customConfigFile
MeshConfig defaultConfig.statNameLength, defaultConfig.proxyBootstrapTemplatePath
MeshConfig defaultConfig.interceptionMode, defaultConfig.sds, defaultConfig.envoyAccessLogService
MeshConfig defaultConfig.envoyMetricsService, defaultConfig.runtimeValues, defaultConfig.statusPort
MeshConfig defaultConfig.meshId, defaultConfig.readinessProbe, defaultConfig.caCertificatesPem
MeshConfig defaultConfig.privateKeyProvider, defaultConfig.proxyHeaders, defaultConfig.fileFlushInterval
MeshConfig defaultConfig.fileFlushMinSizeKb, defaultConfig.statsCompression
`;

interface Refused {
  readonly path: string;
  readonly hint: string | undefined;
}

/** Every field and word of a shape that is refused by name. */
function refusedIn(shape: Shape, path: string): readonly Refused[] {
  switch (shape.is) {
    case 'refused':
      return [{ path, hint: shape.hint }];
    case 'object':
      return Object.entries(shape.fields).flatMap(([name, inner]) => refusedIn(inner, path ? `${path}.${name}` : name));
    case 'map':
      return refusedIn(shape.values, `${path}{}`);
    case 'list':
      return refusedIn(shape.items, `${path}[]`);
    case 'deprecated':
      return refusedIn(shape.shape, path);
    case 'choice':
      return Object.keys(shape.refused).map((word) => ({ path: `${path}=${word}`, hint: shape.hints[word] }));
    default:
      return [];
  }
}

/** A trafficPolicy stands at several places. */
const places = /^(?:subsets\[\]\.)?trafficPolicy\.(?:portLevelSettings\[\]\.)?/;

describe('what is safe instead of what is refused (WEFT0004)', () => {
  it('each field and word that is refused may be removed, or has a hint of its own', () => {
    const found = [
      ...kindTable.flatMap(({ kind, tier, hint, spec }) =>
        tier
          ? [{ kind, path: '-', hint }]
          : refusedIn(spec, '').map((each) => ({ kind, ...each, path: each.path.replace(places, '') })),
      ),
      ...refusedIn(meshConfig, '').map((each) => ({ kind: 'MeshConfig', ...each })),
    ];
    const bare = found.flatMap(({ kind, path, hint }) => (hint === undefined ? [`${kind} ${path}`] : []));
    const listed = removable
      .trim()
      .split('\n')
      .flatMap((line) => {
        const [kind = '', ...paths] = line.split(/,? /);
        return paths.map((path) => `${kind} ${path}`);
      });
    expect([...new Set(bare)].sort()).toEqual([...new Set(listed)].sort());
  });

  const head = (kind: string, group = 'networking.istio.io/v1') =>
    `apiVersion: ${group}\nkind: ${kind}\nmetadata: { name: x }\n`;
  const authorization = (action: string, rest: string) =>
    `${head('AuthorizationPolicy', 'security.istio.io/v1')}spec: { action: ${action}, ${rest} }\n`;
  const virtual = (rest: string) => `${head('VirtualService')}spec: { hosts: [db], ${rest} }\n`;
  const rule = (trafficPolicy: string) =>
    `${head('DestinationRule')}spec: { host: db, trafficPolicy: ${trafficPolicy} }\n`;
  const to = 'route: [{ destination: { host: db } }]';

  const hints = (text: string, path = 'policies/shop/a.yaml') =>
    parsePolicies([{ path, text }], {
      commit: '4f1c2ab',
      rootNamespace: 'istio-system',
      folders: 'namespace',
    }).diagnostics.flatMap(({ code, severity, field, hint }) =>
      severity === 'error' ? [`${code} ${field}: ${hint}`] : [],
    );

  const refusesMore =
    'in an ALLOW policy remove the whole rule, in a DENY policy this alone: both refuse more than the rule did, not less';
  const otherCallers =
    'remove the whole match (the rule, if it has no other), or tell callers apart by sourceLabels or sourceNamespace';

  it.each([
    [
      'a delegate, beside which nothing is left to serve',
      virtual('http: [{ delegate: { name: other } }]').replace(
        '{ name: x }',
        '{ name: x, annotations: { weft.dev/allow-unsupported: "spec.http[0].delegate" } }',
      ),
      ["WEFT0004 spec.http[0].delegate: write the delegate's rules here"],
    ],
    [
      'a Service that is another name',
      'apiVersion: v1\nkind: Service\nmetadata: { name: ext, annotations: { weft.dev/allow-unsupported: "spec.type,spec.externalName" } }\nspec: { type: ExternalName, externalName: a.test, ports: [{ port: 80, name: http }] }\n',
      [
        'WEFT0004 spec.type: write a ServiceEntry with that host, and resolution: DNS',
        'WEFT0004 spec.externalName: write a ServiceEntry with that host, and resolution: DNS',
      ],
    ],
    [
      'callers of a subnet alone',
      virtual(`tcp: [{ match: [{ sourceSubnet: 10.0.0.0/8 }], ${to} }]`),
      [`WEFT0004 spec.tcp[0].match[0].sourceSubnet: ${otherCallers}`],
    ],
    [
      'requests with one claim',
      virtual(`http: [{ match: [{ headers: { "@request.auth.claims.group": { exact: admin } } }], ${to} }]`),
      [
        'WEFT0004 spec.http[0].match[0].headers["@request.auth.claims.group"]: remove the whole match (the rule, if it has no other): without this it takes requests with any token, or none',
      ],
    ],
    [
      'a condition on a filter of Envoy',
      authorization('DENY', 'rules: [{ when: [{ key: "experimental.envoy.filters.a[b]", notValues: [admin] }] }]'),
      [`WEFT0004 spec.rules[0].when[0].key: ${refusesMore}`],
    ],
    [
      'a key without a value',
      authorization('ALLOW', 'rules: [{ from: [{ source: { namespaces: [shop], principals: } }] }]'),
      ['WEFT0002 spec.rules[0].from[0].source.principals: write a value; without the key the rule would be about more'],
    ],
    [
      'a proxy to go by',
      rule('{ tunnel: { targetHost: db.test, targetPort: 443 } }'),
      [
        'WEFT0004 spec.trafficPolicy.tunnel: remove it where connections may go to the host themselves, past the proxy, or name it in weft.dev/allow-unsupported',
      ],
    ],
  ] as const)('%s', (_name, yaml, wanted) => {
    expect(hints(yaml)).toEqual(wanted);
  });

  it('what is done as the hints say is accepted', () => {
    for (const yaml of [
      authorization('ALLOW', 'rules: []'),
      authorization('DENY', 'rules: [{ to: [{ operation: { paths: [/admin] } }] }]'),
      authorization('DENY', 'rules: [{ to: [{ operation: { paths: ["/a/*"] } }] }]'),
      authorization(
        'ALLOW',
        'rules: [{ from: [{ source: { serviceAccounts: [a] } }], when: [{ key: source.namespace, values: [shop] }] }]',
      ),
    ])
      expect(hints(yaml)).toEqual([]);
  });

  it('no annotation allows a condition, which would be served without it', () => {
    const yaml = virtual(`tcp: [{ match: [{ sourceSubnet: 10.0.0.0/8 }], ${to} }]`).replace(
      'name: x',
      'name: x, annotations: { weft.dev/allow-unsupported: "spec.tcp[0].match[0].sourceSubnet" }',
    );
    expect(hints(yaml)).toEqual([`WEFT0004 spec.tcp[0].match[0].sourceSubnet: ${otherCallers}`]);
  });

  it('a rule whose only match repeats another goes as a whole: without its match it would take everything', () => {
    const twice = (more: string) =>
      virtual(
        `http: [{ match: [{ uri: { prefix: /a } }], ${to} }, { match: [{ uri: { prefix: /a } }${more}], ${to} }, { ${to} }]`,
      );
    const told = (yaml: string) =>
      parsePolicies([{ path: 'policies/shop/a.yaml', text: yaml }], {
        commit: '4f1c2ab',
        rootNamespace: 'istio-system',
        folders: 'namespace',
      }).diagnostics.map(({ code, hint }) => `${code} ${hint}`);
    expect(told(twice(''))).toEqual(['WEFT0130 remove the whole rule, or give it another match']);
    expect(told(twice(', { uri: { prefix: /b } }'))).toEqual([
      'WEFT0131 remove it; with the last match of a rule remove the rule',
    ]);
  });
});
