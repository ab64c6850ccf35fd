// A program of its own: as many pretended proxies as it is told, each with a connection and a delta stream of its own.
import { createSecureContext } from 'node:tls';
import { clusterType, endpointType, listenerType, routeType, subscribeRequest } from './discovery-bytes.ts';
import { quantile } from './figures.ts';
import type { Scanned } from './message-scanner.ts';
import { serveCommands } from './program.ts';
import { type LoadCommands, monotonic, processorTime } from './protocol.ts';
import { type Proxy, startProxy } from './proxy.ts';

type ConnectDetails = Parameters<LoadCommands['connect']>[0];

interface Fleet {
  readonly proxy: Proxy;
  times: number[];
  versions: string[];
}

const fleet: Fleet[] = [];
/** What the first proxy holds, by type: the others hold the same. */
const held = new Map<string, Map<string, string>>();
/** A name that nobody has: that it does not exist is the answer which shows that all before it has been read. */
const beacon = 'beacon';
let [messages, resources, bytesBefore] = [0, 0, 0];

function note({ typeUrl, named }: Scanned): void {
  const ofType = held.get(typeUrl) ?? new Map<string, string>();
  held.set(typeUrl, ofType);
  for (let at = 0; at + 1 < named.length; at += 2) ofType.set(named[at] ?? '', named[at + 1] ?? '');
}

/** Opens one proxy; resolves with the milliseconds until it had all that it asked for. */
function open(index: number, details: ConnectDetails, shared: SharedRequests): Promise<number> {
  const { promise, resolve, reject } = defer<number>();
  const startedAt = monotonic();
  const noteVersions = index === 0 || details.count <= noters;
  const counts = new Map<string, number>();
  const member: Fleet = {
    times: [],
    versions: [],
    proxy: startProxy({
      port: details.port,
      context: shared.context,
      noteVersions,
      lost: (reason) => {
        reject(new Error(`proxy ${index}: ${reason}`));
        console.error(`load     proxy ${index} was lost: ${reason}`);
      },
      received(message) {
        const at = monotonic();
        messages += 1;
        resources += message.resources;
        member.times.push(at);
        if (noteVersions) {
          note(message);
          if (details.count <= noters) member.versions.push(message.named[1] ?? '');
        }
        const { typeUrl } = message;
        const before = counts.get(typeUrl);
        counts.set(typeUrl, (before ?? 0) + message.resources);
        if (details.role === 'everything' && before === undefined) {
          if (typeUrl === clusterType) member.proxy.send(shared.endpoints);
          else if (typeUrl === listenerType) member.proxy.send(shared.routes);
        }
        if (isComplete(details, counts, message)) resolve(at - startedAt);
      },
    }),
  };
  fleet.push(member);
  const node = `proxy-${index}`;
  if (details.role === 'endpoints')
    member.proxy.send(subscribeRequest(endpointType, details.endpoints, undefined, node));
  else {
    const holds = (typeUrl: string) => (details.role === 'returning' ? held.get(typeUrl) : undefined);
    member.proxy.send(subscribeRequest(clusterType, [], holds(clusterType), node));
    if (details.role === 'returning') member.proxy.send(shared.endpoints);
    member.proxy.send(shared.listeners);
    if (details.role === 'returning') for (const request of [shared.routes, shared.beacon]) member.proxy.send(request);
  }
  return promise;
}

/** So many at most write down the version of each response. */
const noters = 50;

function isComplete(details: ConnectDetails, counts: ReadonlyMap<string, number>, message: Scanned): boolean {
  if (details.role === 'returning') return message.typeUrl === endpointType && message.removed > 0;
  if ((counts.get(endpointType) ?? 0) < details.endpoints.length) return false;
  if (details.role === 'endpoints') return true;
  return counts.has(clusterType) && (counts.get(routeType) ?? 0) >= details.routes.length;
}

type SharedRequests = ReturnType<typeof sharedRequests>;

/** The requests that are the same for every proxy, made once. */
function sharedRequests({ certificates, role, endpoints, routes }: ConnectDetails) {
  const holds = (typeUrl: string) => (role === 'returning' ? held.get(typeUrl) : undefined);
  const { client } = certificates ?? {};
  return {
    context:
      client === undefined
        ? undefined
        : createSecureContext({ cert: client.certificateChain, key: client.privateKey, minVersion: 'TLSv1.3' }),
    endpoints: subscribeRequest(endpointType, endpoints, holds(endpointType)),
    listeners: subscribeRequest(listenerType, [], holds(listenerType)),
    routes: subscribeRequest(routeType, routes, holds(routeType)),
    beacon: subscribeRequest(endpointType, [beacon]),
  };
}

function defer<Value>() {
  let [resolve, reject] = [(_: Value) => {}, (_: Error) => {}];
  const promise = new Promise<Value>((yes, no) => {
    [resolve, reject] = [yes, no];
  });
  return { promise, resolve, reject };
}

function clear(): object {
  for (const member of fleet) [member.times, member.versions] = [[], []];
  [messages, resources] = [0, 0];
  bytesBefore = received();
  return {};
}

function received(): number {
  return fleet.reduce((sum, { proxy }) => sum + proxy.bytes(), 0);
}

const commands: LoadCommands = {
  async connect(details) {
    const shared = sharedRequests(details);
    const cpu = processorTime();
    const startedAt = monotonic();
    const took: number[] = [];
    let next = 0;
    clear();
    const worker = async (): Promise<void> => {
      while (next < details.count) {
        next += 1;
        took.push(await open(next - 1, details, shared));
      }
    };
    await Promise.all(Array.from({ length: details.concurrency }, worker));
    return {
      wall: monotonic() - startedAt,
      p50: quantile(took, 0.5),
      p99: quantile(took, 0.99),
      bytes: received() - bytesBefore,
      messages,
      resources,
      cpu: processorTime() - cpu,
    };
  },
  clear,
  arrivals: () => ({
    times: fleet.map(({ times }) => times),
    versions: fleet.map(({ versions }) => versions),
    messages,
    resources,
    cpu: processorTime(),
  }),
  leave() {
    for (const { proxy } of fleet.splice(0)) proxy.destroy();
    return {};
  },
};
serveCommands(commands);
