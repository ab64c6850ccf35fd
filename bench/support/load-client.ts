// A program of its own: as many pretended proxies as it is told, each with a connection and a delta stream of its own.
import { setTimeout as pause } from 'node:timers/promises';
import { createSecureContext } from 'node:tls';
import {
  clusterType,
  endpointType,
  listenerType,
  routeType,
  secretType,
  subscribeRequest,
  virtualHostType,
  withNode,
} from './discovery-bytes.ts';
import { quantile } from './figures.ts';
import type { Scanned } from './message-scanner.ts';
import { serveCommands } from './program.ts';
import { type LoadCommands, monotonic, processorTime } from './protocol.ts';
import { type Proxy, startProxy } from './proxy.ts';

type ConnectDetails = Parameters<LoadCommands['connect']>[0];

interface Member {
  readonly proxy: Proxy;
  times: number[];
  versions: string[];
}

const fleet = new Set<Member>();
/** What the first proxy holds, by type: the others hold the same. */
const held = new Map<string, Map<string, string>>();
/** A name that nobody has: that it does not exist is the answer which shows that all before it has been read. */
const beacon = 'beacon';
/** How long a proxy waits after it was turned away, as Envoy does; milliseconds. */
const backOff = 500;
let [messages, resources, bytesBefore, retries] = [0, 0, 0, 0];

function note({ typeUrl, named }: Scanned): void {
  const ofType = held.get(typeUrl) ?? new Map<string, string>();
  held.set(typeUrl, ofType);
  for (let at = 0; at + 1 < named.length; at += 2) ofType.set(named[at] ?? '', named[at + 1] ?? '');
}

/** Opens one proxy; resolves with the time when it had all that it asked for, or with undefined when it was turned away. */
function open(index: number, details: ConnectDetails, shared: SharedRequests): Promise<number | undefined> {
  const noteVersions = index === 0 || details.count <= noters;
  const counts = new Map<string, number>();
  return new Promise((resolve) => {
    let isUp = false;
    const proxy = startProxy({
      port: details.port,
      context: shared.context,
      noteVersions,
      lost(reason) {
        if (isUp) console.error(`load     proxy ${index} was lost: ${reason}`);
        fleet.delete(member);
        resolve(undefined);
      },
      received(message) {
        const at = monotonic();
        messages += 1;
        resources += message.resources;
        member.times.push(at);
        if (noteVersions) note(message);
        if (details.count <= noters) member.versions.push(message.named[1] ?? '');
        const { typeUrl } = message;
        const before = counts.get(typeUrl);
        counts.set(typeUrl, (before ?? 0) + message.resources);
        if (details.role === 'everything' && before === undefined) {
          if (typeUrl === clusterType) proxy.send(shared.endpoints);
          else if (typeUrl === listenerType) proxy.send(shared.routes);
          else if (typeUrl === routeType && shared.hosts !== undefined) proxy.send(shared.hosts);
        }
        if (isUp || !isComplete(details, counts, message)) return;
        isUp = true;
        resolve(at);
      },
    });
    const member: Member = { proxy, times: [], versions: [] };
    fleet.add(member);
    const [first, ...others] = shared.atOnce;
    // istiod reads a proxy's place from its name; nobody else minds.
    if (first !== undefined)
      proxy.send(
        withNode(first, `sidecar~10.9.${index >> 8}.${index & 255}~proxy-${index}.default~default.svc.cluster.local`),
      );
    for (const request of others) proxy.send(request);
  });
}

/** So many at most write down the version of each response. */
const noters = 50;

function isComplete(details: ConnectDetails, counts: ReadonlyMap<string, number>, message: Scanned): boolean {
  if (details.role === 'secrets') return (counts.get(secretType) ?? 0) >= details.endpoints.length;
  if (details.role === 'returning') return message.typeUrl === endpointType && message.removed > 0;
  if ((counts.get(endpointType) ?? 0) < details.endpoints.length) return false;
  if (details.role === 'endpoints') return true;
  if ((counts.get(virtualHostType) ?? 0) < (details.virtualHosts ?? 0)) return false;
  return counts.has(clusterType) && (counts.get(routeType) ?? 0) >= details.routes.length;
}

type SharedRequests = ReturnType<typeof sharedRequests>;

/** The requests that are the same for every proxy, made once. */
function sharedRequests({ certificates, role, endpoints, routes, virtualHosts }: ConnectDetails) {
  const holds = (typeUrl: string) => (role === 'returning' ? held.get(typeUrl) : undefined);
  const { client } = certificates ?? {};
  const clusterRequest = subscribeRequest(clusterType, [], holds(clusterType));
  const endpointRequest = subscribeRequest(endpointType, endpoints, holds(endpointType));
  const listenerRequest = subscribeRequest(listenerType, [], holds(listenerType));
  const routeRequest = subscribeRequest(routeType, routes, holds(routeType));
  const byRole = {
    endpoints: [endpointRequest],
    secrets: [subscribeRequest(secretType, endpoints)],
    everything: [clusterRequest, listenerRequest],
    returning: [
      clusterRequest,
      endpointRequest,
      listenerRequest,
      routeRequest,
      subscribeRequest(endpointType, [beacon]),
    ],
  };
  return {
    context:
      client === undefined
        ? undefined
        : createSecureContext({ cert: client.certificateChain, key: client.privateKey, minVersion: 'TLSv1.3' }),
    atOnce: byRole[role],
    endpoints: endpointRequest,
    routes: routeRequest,
    hosts: virtualHosts === undefined ? undefined : subscribeRequest(virtualHostType, []),
  };
}

function clear(): object {
  for (const member of fleet) [member.times, member.versions] = [[], []];
  [messages, resources, retries] = [0, 0, 0];
  bytesBefore = received();
  return {};
}

function received(): number {
  let sum = 0;
  for (const { proxy } of fleet) sum += proxy.bytes();
  return sum;
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
        const index = next;
        next += 1;
        const since = monotonic();
        let upAt = await open(index, details, shared);
        for (; upAt === undefined; upAt = await open(index, details, shared)) {
          retries += 1;
          await pause(backOff);
        }
        took.push(upAt - since);
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
      retries,
      cpu: processorTime() - cpu,
    };
  },
  clear,
  arrivals: () => ({
    times: Array.from(fleet, ({ times }) => times),
    versions: Array.from(fleet, ({ versions }) => versions),
    messages,
    resources,
    cpu: processorTime(),
  }),
  leave() {
    for (const { proxy } of fleet) proxy.destroy();
    fleet.clear();
    return {};
  },
};
serveCommands(commands);
