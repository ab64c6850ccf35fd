/** Where Weft differs from Istio on purpose: section 1.7 of policy-surface.md and the decisions. */
export const differences: readonly (readonly [what: string, istio: string, weft: string])[] = [
  ['two VirtualServices route one host for the same clients', 'the older one wins, the other is dropped', 'WEFT0109'],
  ['several DestinationRules for one host', 'merged by age', 'merged where their order cannot matter, else WEFT0181'],
  ['two PeerAuthentications for one scope', 'the older one wins', 'WEFT0182'],
  ['two Sidecars for one scope', 'the older one wins', 'WEFT0183'],
  ['a port without a declared protocol', 'guessed from its bytes', 'TCP, and WEFT0118'],
  [
    'a destination host or subset that does not exist',
    '503 for every request',
    'WEFT0101, WEFT0173 before anything is served; without `--live` a missing host is a warning, as a workload may yet join under that name',
  ],
  [
    '`hosts` of a VirtualService that no Service or ServiceEntry has',
    'its http rules act on requests to port 80',
    'the same for full names outside the mesh (decision 44). For names of the mesh and wildcards WEFT0101 (a warning): its rules do not act, requests to the host are those to an unknown host',
  ],
  [
    '`retryRemoteLocalities`',
    'every second retry leaves out the places that were tried',
    'every retry does, as Envoy keeps to a place between two choices, also when it is ejected meanwhile: 503',
  ],
  ['the lowest version of mesh TLS', '1.2', '1.3'],
  ['`x-forwarded-client-cert` of callers', 'appended to and passed on', 'replaced'],
  [
    '`remoteIpBlocks`, `remote.ip`',
    'the address that the proxies in front saw, as many as `numTrustedProxies` says',
    'the last of `x-forwarded-for`, which everybody may write who connects, by mesh TLS or in plaintext: such a rule protects only beside the identity or address of the proxy that writes it (WEFT0176, decision 56)',
  ],
  [
    '`request.headers[…]` and blanks around the value of a header, which HTTP/2 lets through',
    'another value: a DENY does not match it, though most applications read it as the same',
    'the same value, as in HTTP/1 (decision 65)',
  ],
  ['a token without `exp`', 'never ends', '401'],
  ['a token for another audience', '403', '401, as every token that is not taken'],
  [
    '`jwksUri`',
    'fetched by istiod, from wherever it leads',
    'fetched by the proxy, over http from services alone, over https from whoever proves to be the host (decision 55)',
  ],
  [
    'keys of tokens that cannot be fetched any more',
    'the last ones are used on',
    'no token is taken after 5 minutes, until they can be',
  ],
  [
    '`withoutHeaders` where the header is missing and the condition fits the empty text',
    'does not match: what is missing is read as empty',
    'matches: it is missing',
  ],
  [
    'a TLS connection whose server name no `tls` rule takes',
    'closed, or passed on to where it was going',
    'goes to the service',
  ],
  ['server names inside a tunnel (`HTTP_PROXY`)', 'no tunnels', 'not seen: the tunnel goes to the service'],
  [
    '`destinationSubnets`',
    'the address that was called',
    'the addresses that the service declares; if it has none, WEFT0140',
  ],
  [
    'TLS origination to a host with a name',
    'asks for and verifies the host of the request; with `sni`, no name',
    'asks for and verifies the host of the service; with `sni`, that name',
  ],
  [
    '`credentialName` without `workloadSelector`',
    'the call leaves in plaintext',
    'the secret is used; without it the call is 503',
  ],
  [
    'resolution NONE',
    'goes to the address that was called',
    'goes to the host of the request; without one, to the declared addresses, else to its own name',
  ],
  [
    'a range under `addresses` of a ServiceEntry',
    'takes every connection to an address within it',
    'takes none, and WEFT0132 says so: a host is known by its names and by single addresses. `destinationSubnets` reads it',
  ],
  [
    'labels and annotations of a `v1/Namespace`',
    'choose injection, revisions and `discoverySelectors`',
    'are read and checked; nothing asks for them, which WEFT0132 says as an info; `spec` is refused',
  ],
  ['retries: how often another endpoint is drawn', '5 times', '30 times'],
  [
    '`consistentHash` of subsets among which a rule splits by weight',
    'the subset is drawn anew for each request, so that a caller jumps between versions',
    'where all of them hash by one key, that key chooses the subset, too; elsewhere as in Istio (decision 33)',
  ],
  [
    '`localityLbSetting` and clients that say nowhere where they are',
    'their empty place is compared with those of the endpoints: whoever has a place comes last',
    'places do not count for them; `distribute` from `*` does (decision 33)',
  ],
  [
    '`loadBalancer.simple: PASSTHROUGH`',
    'goes to the address that was called',
    'as resolution NONE: to the host of the request; without one, to the declared addresses, else to its own name; never by mesh TLS (decision 33)',
  ],
  [
    '`egress.hosts` of a Sidecar and rules of other namespaces',
    'a VirtualService that is not imported does not act; the destinations of an imported one come along in silence',
    'visibility alone (`exportTo`) decides which rules act on an imported service; a route to what is not imported is WEFT0114 (decision 35)',
  ],
  [
    '`connectionPool` of a DestinationRule, at the workload that it is about',
    'bounds the connections to the program, too',
    'is about callers alone; `inboundConnectionPool` and `ingress[].connectionPool` of a Sidecar are for that (decision 35)',
  ],
  [
    'a client that `workloadSelector` of a DestinationRule leaves out',
    'the search for a rule ends: none acts',
    'the rule is not there for it; the search goes on to wider hosts and other namespaces (P20, decision 22)',
  ],
  [
    '`h2UpgradePolicy: UPGRADE`',
    'every port that is declared `http` speaks HTTP/1 to its program',
    'those alone to which some rule upgrades; on others a program hears the version that its caller speaks (decision 27)',
  ],
  [
    '`maxConcurrentStreams`, `http2KeepAlive`',
    'act on upgraded ports and those declared HTTP/2',
    'act on every HTTP/2 connection, also where it is the version of the caller (decision 27)',
  ],
  [
    'connections to endpoints without `maxConnectionDuration`',
    'as long as they last',
    'closed after 15 minutes, between requests, and made anew',
  ],
  [
    'a sidecar that stops',
    'waits 5 seconds (`terminationDrainDuration`), whatever is running',
    'tells its callers first, then waits until no request is running, 30 seconds at most (decision 22)',
  ],
];

/** What Istio accepts and Weft refuses with another code than WEFT0004: each would mean something else than it says. */
export const stricter: readonly (readonly [what: string, code: string, why: string])[] = [
  ['names in snake_case (`mirror_percent`)', 'WEFT0002', 'one spelling; the hint names it'],
  [
    'a header name that HTTP does not know (`a b`, `a/b`), to be set, removed, or told of by CORS',
    'WEFT0002',
    'no request has such a header, and Envoy refuses it',
  ],
  [
    '`null` for an optional value (`retryRemoteLocalities: null`)',
    'WEFT0002',
    'a value is forgotten more often than unset',
  ],
  ['control characters and line breaks in names, paths and patterns', 'WEFT0002', 'Envoy refuses most of them'],
  [
    'labels, selectors, names and namespaces that Kubernetes would not take',
    'WEFT0002',
    'no workload has such labels, no object such a name; in Istio that is for the API server to say',
  ],
  [
    'accounts of `serviceAccounts` and `credentialName` that Kubernetes would not take; a `sourceNamespace` of `tcp` and `tls` that is none',
    'WEFT0002',
    'nobody has them: the rule would never match, the call always fail',
  ],
  [
    'a host that is a number (`5`), an address with a zone (`fe80::1%eth0`)',
    'WEFT0002',
    'Envoy reads another address, or none',
  ],
  [
    'ports that no server has: 0 in AuthorizationPolicy, 0 and above 65535 in `portLevelSettings`',
    'WEFT0002',
    'they would never match',
  ],
  [
    'empty texts among `subjectAltNames`, `failover`, `failoverPriority`; a server name of more than 255 characters',
    'WEFT0002',
    'they would never match',
  ],
  [
    'negative durations and fractions of a millisecond where Istio does not look (`tcp.idleTimeout`, `budgetInterval`, `httpCookie.ttl`); negative or too large `percent` and `consecutiveErrors`',
    'WEFT0002',
    'Envoy refuses them, or counts otherwise',
  ],
  ['a locality of `distribute` with a star after a part of a name (`a*`)', 'WEFT0002', 'it would never match'],
  [
    '`maglev.tableSize` that is no prime; groups in `uriRegexRewrite.rewrite` that the expression has not',
    'WEFT0002',
    'Envoy refuses the cluster or the route table',
  ],
  ['`gateways` beside `sourceLabels` or `sourceNamespace` of a match', 'WEFT0137', 'Istio leaves the condition out'],
  [
    '`host` set by a rule and by its destination, or twice by a destination',
    'WEFT0137',
    'which one holds depends on the number of destinations',
  ],
  [
    'MeshConfig: unknown fields, values of another type, namespaces and conditions of retries that are none, trust domains in capitals',
    'WEFT0002',
    'Istio has no schema for it and reads on',
  ],
  [
    'commands in header values that Envoy does not know (`%NOTHING%`)',
    'WEFT0002',
    'Envoy refuses the whole route table',
  ],
  ['`host: "*"` in a DestinationRule', 'WEFT0002', 'a rule for everything outside, too; name the services'],
  ['`authority` of a rewrite or redirect with a scheme, a path or blanks', 'WEFT0002', 'no request has such a host'],
  [
    '`:method`, `uri` and such under `match[].headers`',
    'WEFT0002',
    'Istio leaves the condition out; the hint names the field for it',
  ],
  ['UDP ports', 'WEFT0119', 'Envoy sidecars carry TCP'],
  ['a principal that is no `domain/ns/namespace/sa/account`, such as `bar`', 'WEFT0158', 'it would never match'],
  [
    '`from: []`, `to: []`, `source: {}`, other empty lists and texts in AuthorizationPolicy',
    'WEFT0002',
    'Istio reads some of them as "everybody"',
  ],
  ['rules of a layer (`http`, `tls`, `tcp`) that no port of the hosts has', 'WEFT0136', 'they would never act'],
  ['TCP ports of wildcard hosts without addresses', 'WEFT0140', 'nothing tells whom a connection is for'],
  ['keys of `when` that no rule knows', 'WEFT0002', 'the rule would never match'],
  ['`jwtRules[]` without `issuer`', 'WEFT0002', 'tokens of any issuer would do'],
  [
    '`jwks` with secrets (`oct`), private keys, keys of other types or curves, keys that are none',
    'WEFT0002',
    'whoever reads the policy could sign; Envoy leaves the others out in silence',
  ],
  ['`jwksUri` with user and password, port 0 or a star', 'WEFT0002', 'keys are public, and of one host'],
  [
    '`host`, `content-length` and such in `outputPayloadToHeader`, `outputClaimToHeaders`',
    'WEFT0002',
    'a claim would say where a request goes, or where it ends',
  ],
];

/** Of a file in src/policy/kinds/: how many of its values are refused by name, and what the page says of them. */
export interface RefusedValues {
  readonly calls: number;
  readonly rows: readonly (readonly [field: string, word: string, tier: string])[];
}

const partOfLabel = '`*-a.example`, `*a.example`: a star for a part of a label';

/** Values of supported fields that are refused by name (WEFT0004), where the shapes cannot say so; a test counts the places that refuse. */
export const refusedValues: Readonly<Record<string, RefusedValues>> = {
  'virtual-service.ts': {
    calls: 2,
    rows: [
      ['VirtualService `hosts`', partOfLabel, ''],
      ['VirtualService `hosts`', 'none (rules to which others delegate)', 'T2'],
    ],
  },
  'gateway-names.ts': {
    calls: 1,
    rows: [['VirtualService `gateways`, `match[].gateways`', 'every name but `mesh`', 'T1']],
  },
  'l4-routes.ts': { calls: 1, rows: [['VirtualService `tls[].match[].sniHosts`', partOfLabel, '']] },
  'http-match.ts': {
    calls: 2,
    rows: [
      ['VirtualService `http[].match[].headers`', '`@request.auth.claims…`', 'T2'],
      ['VirtualService `http[].match[].withoutHeaders`', 'more than four expressions', ''],
    ],
  },
  'http-rewrite.ts': {
    calls: 1,
    rows: [['VirtualService `http[].redirect.redirectCode`', 'all but 301, 302, 303, 307, 308', '']],
  },
  'http-resilience.ts': { calls: 1, rows: [['VirtualService `http[].fault.abort.httpStatus`', '600', '']] },
  'http-direct-response.ts': { calls: 1, rows: [['VirtualService `http[].directResponse.status`', '600', '']] },
  'consistent-hash.ts': {
    calls: 2,
    rows: [
      ['DestinationRule `consistentHash.ringHash.minimumRingSize`', 'above 8,388,608', ''],
      [
        'DestinationRule `httpHeaderName`, `httpQueryParameterName`, `httpCookie.name`',
        'what is no name of a header, a parameter or a cookie',
        '',
      ],
      [
        'DestinationRule `httpCookie.path`, `httpCookie.attributes[]`',
        'semicolons, characters outside of ASCII, more than 4,096 of them',
        '',
      ],
    ],
  },
  'client-tls.ts': {
    calls: 2,
    rows: [
      ['DestinationRule `tls.caCrl`', 'without `caCertificates`', 'T2'],
      ['DestinationRule `tls.credentialName`', 'with a scheme: `kubernetes://…`, `sds://…`', 'T2'],
    ],
  },
  'service-entry.ts': { calls: 1, rows: [['ServiceEntry `hosts`', partOfLabel, '']] },
  'workload-entry.ts': {
    calls: 1,
    rows: [['WorkloadEntry, ServiceEntry `endpoints[]`: `serviceAccount`', 'with dots', 'T2']],
  },
  'workload-group.ts': { calls: 1, rows: [['WorkloadGroup `template.serviceAccount`', 'with dots', 'T2']] },
  'sidecar-egress.ts': {
    calls: 2,
    rows: [
      ['Sidecar `egress[].bind`', 'without `port`', 'T2'],
      ['Sidecar `egress[].port.protocol`', '`HTTP_PROXY`', 'T2'],
    ],
  },
  'authorization-values.ts': {
    calls: 2,
    rows: [
      ['AuthorizationPolicy `serviceAccounts`, `notServiceAccounts`', 'with dots', 'T2'],
      ['AuthorizationPolicy `when[].key`', '`experimental.envoy.filters.…`', 'T2'],
    ],
  },
  'request-authentication.ts': {
    calls: 2,
    rows: [
      ['RequestAuthentication `jwtRules[]`', 'without `jwks` and `jwksUri` (keys by OpenID discovery)', 'T2'],
      ['RequestAuthentication `jwtRules[].jwksUri`', 'an address, `localhost`', 'T2'],
    ],
  },
  'mesh-config.ts': { calls: 1, rows: [['MeshConfig `proxyListenPort`', 'another one than 15001', 'T2']] },
  'mesh-config-tls.ts': {
    calls: 1,
    rows: [
      [
        'MeshConfig `tlsDefaults`, `meshMTLS`: `cipherSuites`, `ecdhCurves`',
        'what Envoy does not offer; the hint names those that it does',
        '',
      ],
    ],
  },
  'mesh-config-log.ts': {
    calls: 1,
    rows: [
      [
        'MeshConfig `accessLogFormat`',
        '`%CEL%`, `%TYPED_CEL%`, `%COALESCE%`, `%METADATA%`, `%REQ_WITHOUT_QUERY%`',
        'T2',
      ],
    ],
  },
};

/** The same, of all kinds. */
export const otherRefusals: RefusedValues['rows'] = [['every other annotation of `istio.io`', 'any', '']];
