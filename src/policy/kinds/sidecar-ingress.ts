import { isIP } from 'node:net';
import type { ConnectionPool } from '../../model/destination-rule.ts';
import { protocolOfName } from '../../model/protocol.ts';
import { isHttp } from '../../model/service.ts';
import type { ProgramEndpoint, SidecarIngress } from '../../model/sidecar-policy.ts';
import type { LowerContext } from '../kind-definition.ts';
import type { Infer } from '../shape.ts';
import { anyText, object, refused, row } from '../shape-builders.ts';
import { present, refuseRepeats } from './common.ts';
import { connectionPool, lowerConnectionPool } from './connection-pool.ts';
import { serverTls } from './server-tls.ts';
import { lowerPort } from './service-ports.ts';
import { captureMode, sidecarPort, socketPath } from './sidecar-ports.ts';

const plaintextPort = 'set STRICT for the port in a PeerAuthentication; without either it takes plaintext of anybody';

export const ingress = object(
  {
    port: sidecarPort,
    bind: anyText,
    captureMode,
    defaultEndpoint: anyText,
    tls: row(refused('T2', serverTls, { hint: plaintextPort }), 'T2', 'downstream TLS'),
    connectionPool: row(connectionPool, 'T1', 'circuit breakers of the inbound cluster'),
  },
  { required: ['port'] },
);

type Written = Infer<typeof ingress>;

export function lowerIngress(written: readonly Written[], context: LowerContext): readonly SidecarIngress[] {
  const entries = written.map((entry, index) => lowerEntry(entry, `spec.ingress[${index}]`, context));
  refuseRepeats(
    context,
    entries.map(({ port }, index) => [`spec.ingress[${index}].port.number`, port] as const),
    'port',
  );
  return entries;
}

function lowerEntry(entry: Written, path: string, context: LowerContext): SidecarIngress {
  const { number = 0 } = entry.port;
  const { bind = '', defaultEndpoint = '', connectionPool: pool } = entry;
  const wrong = (field: string, expected: string, got: string | number) =>
    context.report(
      'WEFT0002',
      `${path}.${field}`,
      `expected ${expected}, got ${JSON.stringify(got)}`,
      `write ${expected}`,
    );
  if (number === 0) wrong('port', 'a port from 1 to 65535', number);
  if (bind !== '' && isIP(bind) === 0) wrong('bind', 'an IP address', bind);
  const endpoint = defaultEndpoint === '' ? undefined : endpointOf(defaultEndpoint);
  if (defaultEndpoint !== '' && endpoint === undefined) wrong('defaultEndpoint', forms, defaultEndpoint);
  const protocol = protocolOf(entry.port, path, context);
  const lowered = pool && lowerInboundPool(pool, `${path}.connectionPool`, context);
  if (pool?.http && protocol !== undefined && !isHttp(protocol)) {
    const message = `has no effect: port ${number} is ${protocol}`;
    context.report('WEFT0132', `${path}.connectionPool.http`, message, 'remove it, or declare the port HTTP');
  }
  return present<SidecarIngress>({
    port: number,
    protocol,
    bind: bind || undefined,
    endpoint,
    connectionPool: lowered,
  });
}

/** P28: what the protocol says, else the name; where neither does, the Services of the workload do. */
function protocolOf(port: Written['port'], path: string, context: LowerContext) {
  const { number = 0, name = '', protocol = '' } = port;
  if (protocol === '') return protocolOfName(name);
  const stated = { word: protocol, field: `${path}.port.protocol` };
  return lowerPort({ name, number, stated }, `${path}.port`, context).protocol;
}

const forms = '127.0.0.1:PORT, [::1]:PORT, 0.0.0.0:PORT, [::]:PORT or unix:///PATH';

const kinds: Readonly<Record<string, Exclude<ProgramEndpoint['kind'], 'socket'>>> = {
  '': 'loopback',
  '127.0.0.1': 'loopback',
  '[::1]': 'loopback-v6',
  '0.0.0.0': 'workload',
  '[::]': 'workload',
};

function endpointOf(text: string): ProgramEndpoint | undefined {
  const path = socketPath(text);
  if (path !== undefined) return { kind: 'socket', path };
  const [, host = '', digits = ''] = /^([^:]*|\[[^\]]*\]):(\d{1,5})$/.exec(text) ?? [];
  const kind = Object.hasOwn(kinds, host) ? kinds[host] : undefined;
  const port = Number(digits);
  return kind !== undefined && port >= 1 && port <= 65_535 ? { kind, port } : undefined;
}

/** What is spoken to a program is its caller's matter: the fields that decide that for callers do nothing here. */
export function lowerInboundPool(
  written: Infer<typeof connectionPool>,
  path: string,
  context: LowerContext,
): ConnectionPool {
  const { http, ...pool } = lowerConnectionPool(written, path, context);
  for (const field of ['h2UpgradePolicy', 'useClientProtocol'] as const) {
    if (written.http?.[field] === undefined) continue;
    const message = 'has no effect on the connections to the program: it hears what its callers speak';
    context.report('WEFT0132', `${path}.http.${field}`, message, 'remove it');
  }
  if (http === undefined) return pool;
  const { h2Upgrade: _upgrade, useClientProtocol: _client, ...rest } = http;
  return { ...pool, http: rest };
}
