import type { TrafficPolicyBlocks } from '../../model/destination-rule.ts';
import type { LowerContext } from '../kind-definition.ts';
import type { Infer } from '../shape.ts';
import { choice, list, object, port, refused, row, text } from '../shape-builders.ts';
import { clientTls, lowerClientTls } from './client-tls.ts';
import { present } from './common.ts';
import { connectionPool, lowerConnectionPool } from './connection-pool.ts';
import { loadBalancer, lowerLoadBalancer } from './load-balancer.ts';
import { lowerOutlierDetection, outlierDetection } from './outlier-detection.ts';
import { retryBudget } from './retry-budget.ts';

const pastTheProxy = 'remove it where connections may go to the host themselves, past the proxy';
const unseenCaller =
  'remove it where the server expects no PROXY header; what it says of callers by address then holds for sidecars';

const blocks = { loadBalancer, connectionPool, outlierDetection, tls: clientTls };

const portLevel = object(
  { port: object({ number: port }, { required: ['number'] }), ...blocks },
  { required: ['port'], atLeastOne: [['loadBalancer', 'connectionPool', 'outlierDetection', 'tls']] },
);

const tunnel = object(
  // Istio reads an empty protocol as CONNECT.
  { protocol: choice(['CONNECT', 'POST', '']), targetHost: text('host'), targetPort: port },
  { required: ['targetHost', 'targetPort'] },
);

export const trafficPolicy = object(
  {
    ...blocks,
    portLevelSettings: row(list(portLevel, { max: 4096 }), 'T0', 'policy of one service port'),
    retryBudget: row(retryBudget, 'T1', 'retry_budget of the circuit breakers', 'D11'),
    tunnel: row(refused('T2', tunnel, { hint: pastTheProxy }), 'T2', 'tunneling_config of tcp_proxy'),
    proxyProtocol: row(
      refused('T2', object({ version: choice(['V1', 'V2']) }), { hint: unseenCaller }),
      'T2',
      'PROXY protocol socket',
    ),
  },
  { nonEmpty: true },
);

interface WrittenBlocks {
  readonly loadBalancer?: Infer<typeof loadBalancer> | undefined;
  readonly connectionPool?: Infer<typeof connectionPool> | undefined;
  readonly outlierDetection?: Infer<typeof outlierDetection> | undefined;
  readonly tls?: Infer<typeof clientTls> | undefined;
}

/** The blocks of one level; an empty block stays, because it replaces a wider one (P24). */
export function lowerBlocks(written: WrittenBlocks, path: string, context: LowerContext): TrafficPolicyBlocks {
  return present<TrafficPolicyBlocks>({
    loadBalancer: written.loadBalancer && lowerLoadBalancer(written.loadBalancer, `${path}.loadBalancer`, context),
    connectionPool:
      written.connectionPool && lowerConnectionPool(written.connectionPool, `${path}.connectionPool`, context),
    outlierDetection:
      written.outlierDetection && lowerOutlierDetection(written.outlierDetection, `${path}.outlierDetection`, context),
    tls: written.tls && lowerClientTls(written.tls, `${path}.tls`, context),
  });
}
