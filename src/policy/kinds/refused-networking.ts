import { networking, refusedKind } from '../kind-definition.ts';
import { anything, labels, list, names, object, row } from '../shape.ts';
import { matchLabels } from './common.ts';
import { workloadTemplate } from './workload-entry.ts';

/** Kinds of `networking.istio.io` that are refused as a whole for now, with the names of section 3.3 and 3.5 of policy-surface.md. */

const port = names('number', 'protocol', 'name', 'targetPort');
const workloadSelector = object({ labels });
const targetRef = names('group', 'kind', 'name', 'namespace');
const connectionPool = object({
  tcp: names('maxConnections', 'connectTimeout', 'idleTimeout', 'maxConnectionDuration', 'tcpKeepalive'),
  http: names(
    'http1MaxPendingRequests',
    'http2MaxRequests',
    'maxRequestsPerConnection',
    'maxRetries',
    'idleTimeout',
    'h2UpgradePolicy',
    'useClientProtocol',
    'maxConcurrentStreams',
    'http2KeepAlive',
  ),
});
const serverTls = object({
  ...names(
    'httpsRedirect',
    'mode',
    'credentialName',
    'credentialNames',
    'caCertCredentialName',
    'serverCertificate',
    'privateKey',
    'caCertificates',
    'caCrl',
    'tlsCertificates',
    'subjectAltNames',
    'verifyCertificateSpki',
    'verifyCertificateHash',
    'minProtocolVersion',
    'maxProtocolVersion',
    'cipherSuites',
    'insecureSkipVerify',
  ).fields,
  ecdhCurves: row(anything, 'T2', 'curves of TLS'),
});

export const gateway = refusedKind(
  'Gateway',
  networking,
  'T1',
  object({
    selector: row(labels, 'T1', 'which proxies act as gateway'),
    servers: row(
      list(
        object({ port, bind: anything, hosts: anything, tls: serverTls, name: anything, defaultEndpoint: anything }),
      ),
      'T1',
      'listeners, filter chains and downstream TLS',
    ),
  }),
);

export const sidecar = refusedKind(
  'Sidecar',
  networking,
  'T1',
  object({
    workloadSelector: row(workloadSelector, 'T0', 'which proxies'),
    ingress: row(
      list(
        object({
          port,
          bind: anything,
          captureMode: anything,
          defaultEndpoint: anything,
          tls: row(serverTls, 'T2', 'downstream TLS'),
          connectionPool: row(connectionPool, 'T1', 'circuit breakers of the inbound cluster'),
        }),
      ),
      'T0',
      'inbound listener and cluster',
    ),
    egress: row(
      list(object({ port, bind: anything, captureMode: anything, hosts: anything })),
      'T0',
      'imported services; explicit outbound listeners',
      'D20',
    ),
    inboundConnectionPool: row(connectionPool, 'T1', 'circuit breakers of the inbound clusters'),
    outboundTrafficPolicy: row(
      object({
        mode: anything,
        egressProxy: row(names('host', 'subset', 'port'), 'T2', 'catch-all goes to that cluster'),
      }),
      'T0',
      'what becomes of unknown hosts',
      'D18',
    ),
  }),
);

export const workloadGroup = refusedKind(
  'WorkloadGroup',
  networking,
  'T1',
  object({
    metadata: row(names('labels', 'annotations'), 'T0', 'labels of the joining workloads'),
    template: row(workloadTemplate, 'T0', 'what a joining proxy becomes'),
    probe: row(
      object({
        initialDelaySeconds: anything,
        timeoutSeconds: anything,
        periodSeconds: anything,
        successThreshold: anything,
        failureThreshold: anything,
        httpGet: names('path', 'port', 'host', 'scheme', 'httpHeaders'),
        tcpSocket: names('host', 'port'),
        exec: row(names('command'), 'T1', 'a command beside the workload'),
        grpc: names('port', 'service'),
      }),
      'T0',
      'readiness: health of the endpoint',
    ),
  }),
);

export const proxyConfig = refusedKind(
  'ProxyConfig',
  ['networking.istio.io/v1beta1'],
  'T2',
  object({ selector: matchLabels, concurrency: anything, environmentVariables: anything, image: names('imageType') }),
);

export const envoyFilter = refusedKind(
  'EnvoyFilter',
  ['networking.istio.io/v1alpha3'],
  'T1',
  object({
    workloadSelector,
    targetRefs: list(targetRef),
    priority: anything,
    configPatches: list(
      object({
        applyTo: anything,
        match: object({
          context: anything,
          proxy: names('proxyVersion', 'metadata'),
          listener: names('portNumber', 'portName', 'name', 'listenerFilter', 'filterChain'),
          routeConfiguration: names('portNumber', 'portName', 'gateway', 'name', 'vhost'),
          cluster: names('portNumber', 'service', 'subset', 'name'),
          waypoint: anything,
        }),
        patch: names('operation', 'value', 'filterClass'),
      }),
    ),
  }),
);
