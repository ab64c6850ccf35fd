import { networking, refusedKind } from '../kind-definition.ts';
import { anyText, choice, integer, labels, list, object, row, someOf, text } from '../shape-builders.ts';
import { connectionPool } from './connection-pool.ts';
import { serverTls } from './server-tls.ts';

/** 0 stands beside a unix socket. */
const port = object({ number: integer(0, 65_535), protocol: text(), name: text() });
const captureMode = choice(['DEFAULT', 'IPTABLES', 'NONE']);

const ingress = object(
  {
    port,
    bind: anyText,
    captureMode,
    defaultEndpoint: anyText,
    tls: row(serverTls, 'T2', 'downstream TLS'),
    connectionPool: row(connectionPool, 'T1', 'circuit breakers of the inbound cluster'),
  },
  { required: ['port'] },
);

const egress = object(
  { port, bind: anyText, captureMode, hosts: someOf(text('import-host')) },
  { required: ['hosts'] },
);

const egressProxy = object(
  { host: text('host'), subset: anyText, port: object({ number: integer(0, 65_535) }) },
  { required: ['host'] },
);

/** Sidecar (P7, P8), refused as a whole for now. */
export const sidecar = refusedKind(
  'Sidecar',
  networking,
  'T1',
  object(
    {
      workloadSelector: row(object({ labels }), 'T0', 'which proxies'),
      ingress: row(list(ingress), 'T0', 'inbound listener and cluster'),
      egress: row(list(egress), 'T0', 'imported services; explicit outbound listeners', 'D20'),
      inboundConnectionPool: row(connectionPool, 'T1', 'circuit breakers of the inbound clusters'),
      outboundTrafficPolicy: row(
        object({
          mode: choice(['REGISTRY_ONLY', 'ALLOW_ANY']),
          egressProxy: row(egressProxy, 'T2', 'catch-all goes to that cluster'),
        }),
        'T0',
        'what becomes of unknown hosts',
        'D18',
      ),
    },
    { atLeastOne: [['egress', 'ingress', 'inboundConnectionPool', 'outboundTrafficPolicy']] },
  ),
);
