import { networking, refusedKind } from '../kind-definition.ts';
import { anything, labels, list, names, object } from '../shape.ts';
import { matchLabels } from './common.ts';
import { workloadEntryShape } from './workload-entry.ts';

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
const serverTls = names(
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
  'ecdhCurves',
);

export const gateway = refusedKind(
  'Gateway',
  networking,
  'T1',
  object({
    selector: labels,
    servers: list(
      object({ port, bind: anything, hosts: anything, tls: serverTls, name: anything, defaultEndpoint: anything }),
    ),
  }),
);

export const sidecar = refusedKind(
  'Sidecar',
  networking,
  'T1',
  object({
    workloadSelector,
    ingress: list(
      object({
        port,
        bind: anything,
        captureMode: anything,
        defaultEndpoint: anything,
        tls: serverTls,
        connectionPool,
      }),
    ),
    egress: list(object({ port, bind: anything, captureMode: anything, hosts: anything })),
    inboundConnectionPool: connectionPool,
    outboundTrafficPolicy: object({ mode: anything, egressProxy: names('host', 'subset', 'port') }),
  }),
);

export const workloadGroup = refusedKind(
  'WorkloadGroup',
  networking,
  'T1',
  object({
    metadata: names('labels', 'annotations'),
    template: workloadEntryShape,
    probe: object({
      initialDelaySeconds: anything,
      timeoutSeconds: anything,
      periodSeconds: anything,
      successThreshold: anything,
      failureThreshold: anything,
      httpGet: names('path', 'port', 'host', 'scheme', 'httpHeaders'),
      tcpSocket: names('host', 'port'),
      exec: names('command'),
      grpc: names('port', 'service'),
    }),
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
