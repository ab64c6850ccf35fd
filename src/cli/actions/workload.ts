import { isIP } from 'node:net';
import { Failure } from '../../model/failure.ts';
import { isLabel } from '../../model/identity.ts';
import type { NodeMetadata, NodePort } from '../../model/proxy.ts';
import { isLoopback, parseAddress } from '../../registry/address.ts';
import type { AdminAddress } from '../../sidecar/bootstrap.ts';
import { preferredPort } from '../../sidecar/free-port.ts';
import { portState } from '../../sidecar/port-owner.ts';
import { port as parsePort, UsageError } from '../flag.ts';
import { readLabels } from '../read-labels.ts';
import { protocol as parseProtocol, type WorkloadFlags } from '../workload-flags.ts';

export interface Workload {
  readonly nodeId: string;
  readonly metadata: NodeMetadata;
}

/**
 * The flags of `run` and `bootstrap` as the node they describe. `onOtherPort`: Envoy will run on this machine, so where the usual inbound
 * port cannot be had here another takes its place, and this is told it in words. Throws Failure WEFT0912 for what cannot be meant.
 */
export async function workloadOf(
  flags: WorkloadFlags,
  namespace: string,
  onOtherPort?: (words: string) => void,
): Promise<Workload> {
  const group = flags.group?.split('/').at(-1);
  const service = flags.service ?? group;
  if (service === undefined) throw new Failure('WEFT0912', '"--service NAME" is missing', 'weft run --help');
  const name = flags.name ?? `${service}-1`;
  const names = {
    '--service': service,
    '--name': name,
    '--namespace': namespace,
    ...(group === undefined ? {} : { '--group': group }),
  };
  for (const [flag, given] of Object.entries(names))
    if (!isLabel(given)) throw wrong(flag, given, 'is not a name', 'lower-case letters, digits and "-", at most 63');
  const binds: Readonly<Record<string, string | undefined>> = {
    '--bind': flags.bind,
    '--inbound-bind': flags['inbound-bind'],
    '--address': flags.address,
    '--application-address': flags['application-address'],
  };
  for (const [flag, given] of Object.entries(binds))
    if (given !== undefined && isIP(given) === 0) throw wrong(flag, given, 'is not an IP address', 'as 10.0.0.7');
  const bind = loopback('--bind', flags.bind ?? '127.0.0.1');
  const labels = readLabels(flags.label, flags.version === undefined ? {} : { version: flags.version });
  const ports = await portsOf(flags, onOtherPort);
  const { proxy, ports: perService } = flags.capture;
  return {
    nodeId: `${name}.${namespace}`,
    metadata: {
      service,
      namespace,
      ...(Object.keys(labels).length === 0 ? {} : { labels }),
      ...(group === undefined ? {} : { group }),
      ...(ports.length === 0 ? {} : { ports }),
      ...(flags.address === undefined ? {} : { address: flags.address }),
      ...(flags.locality === undefined ? {} : { locality: flags.locality }),
      inboundBind: flags['inbound-bind'],
      ...(flags['application-address'] === '127.0.0.1' ? {} : { applicationAddress: flags['application-address'] }),
      capture: { bind, ...(proxy ? { proxy: flags['outbound-port'] ?? 15_001 } : {}), ports: perService },
    },
  };
}

/** The one spelling of a loopback address: who reaches a sidecar's outbound listeners speaks in its workload's name (docs/decisions/46). */
function loopback(flag: string, given: string): string {
  const address = parseAddress(given);
  if (address !== undefined && isLoopback(address)) return address;
  throw wrong(
    flag,
    given,
    "is not a loopback address: whoever reaches it would call in this workload's name",
    'an address of 127.0.0.0/8, or ::1',
  );
}

/** The namespace that `--group NAMESPACE/NAME` states, else the one of short names. Throws Failure WEFT0912 if `-n` names another one. */
export function namespaceOf(group: string | undefined, namespace: string, asked: string | undefined): string {
  const [own = '', ...rest] = group?.split('/') ?? [];
  if (rest.length === 0) return namespace;
  if (rest.length > 1) throw wrong('--group', group ?? '', 'is neither NAME nor NAMESPACE/NAME', 'as shop/reviews');
  if (asked === undefined || asked === own) return own;
  throw wrong(
    '--group',
    group ?? '',
    `is not in namespace "${asked}"`,
    'leave -n out, or name a group of that namespace',
  );
}

/** `--admin`, or the socket in the proxy's own folder. */
export function adminOf(given: string | undefined, folder: string): AdminAddress {
  if (given === undefined) return pipe(`${folder}/admin.sock`, 'set XDG_RUNTIME_DIR to a folder with a short path');
  const [, host = '', port = ''] = /^\[?([0-9a-f.:]+)\]?:(\d+)$/i.exec(given) ?? [];
  if (isIP(host) !== 0) return { kind: 'tcp', address: host, port: checked('--admin', () => parsePort(port)) };
  if (given.startsWith('/')) return pipe(given, 'name a shorter path');
  throw wrong('--admin', given, 'is neither a path nor ADDRESS:PORT', 'as /run/weft/admin.sock or 127.0.0.1:15000');
}

/** The kernel takes 107 bytes for the path of a socket. */
function pipe(path: string, hint: string): AdminAddress {
  if (Buffer.byteLength(path) <= 107) return { kind: 'pipe', path };
  throw new Failure(
    'WEFT0904',
    `the path of Envoy's admin socket is too long (${Buffer.byteLength(path)} bytes)`,
    hint,
    path,
  );
}

async function portsOf(flags: WorkloadFlags, onOtherPort: OnOtherPort): Promise<readonly NodePort[]> {
  const inbound = flags['inbound-port'].map((given) => checked('--inbound-port', () => parsePort(given)));
  const surplus = flags['inbound-port'][flags.port.length];
  if (surplus !== undefined) throw wrong('--inbound-port', surplus, 'has no --port to go with', 'one for each --port');
  const ports: NodePort[] = [];
  for (const [index, given] of flags.port.entries()) {
    const [number = '', named] = given.split('/', 2);
    const port = checked('--port', () => parsePort(number));
    const protocol = named === undefined ? flags.protocol : checked('--port', () => parseProtocol(named));
    if (ports.some((other) => other.port === port))
      throw wrong('--port', given, 'is there twice', 'say each port once');
    ports.push({
      port,
      inbound: inbound[index] ?? (await inboundFor(port, flags['inbound-bind'], onOtherPort)),
      protocol,
    });
  }
  return ports;
}

type OnOtherPort = ((words: string) => void) | undefined;

async function inboundFor(port: number, bind: string, onOtherPort: OnOtherPort): Promise<number> {
  const usual = port + 10_000;
  if (onOtherPort !== undefined) {
    const inbound = await preferredPort(usual, bind);
    if (inbound !== usual)
      onOtherPort(
        `callers of port ${port} connect to ${inbound}: ${await whyNot(usual, bind)}; --inbound-port names another`,
      );
    return inbound;
  }
  if (usual < 65_536) return usual;
  throw wrong(
    '--port',
    String(port),
    'leaves no room for the usual inbound port',
    `add --inbound-port, as ${port - 10_000}`,
  );
}

/** Why a port was not taken, as far as that can still be seen. */
async function whyNot(port: number, bind: string): Promise<string> {
  if (port >= 65_536) return `there is no port ${port}`;
  const state = await portState(bind, port);
  if (state.kind === 'refused') return `${bind}:${port} cannot be listened on (${state.problem})`;
  const owner = state.kind === 'used' ? state.owner : undefined;
  return `port ${port} is in use${owner === undefined ? '' : ` by pid ${owner.pid} (${owner.name})`}`;
}

function checked<T>(flag: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof UsageError) throw new Failure('WEFT0912', `${flag}: ${error.message}`, 'weft run --help');
    throw error;
  }
}

function wrong(flag: string, given: string, problem: string, hint: string): Failure {
  return new Failure('WEFT0912', `${flag} "${given}" ${problem}`, hint);
}
