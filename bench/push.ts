// One endpoint of a 50-endpoint assignment changes → all N delta streams have acknowledged it (performance.md 4, `push`).
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ServerCredentials } from '@grpc/grpc-js';
import { encode } from '../src/proto/codec.ts';
import { ClusterLoadAssignmentSchema } from '../src/proto/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import { encodeResponse } from '../src/xds/encode-response.ts';
import { createLayer } from '../src/xds/layer.ts';
import { createResource, encodeCounter, type Resource } from '../src/xds/resource.ts';
import { endpointType } from '../src/xds/resource-types.ts';
import { createRotatingCredentials } from '../src/xds/rotating-credentials.ts';
import { startXdsServer } from '../src/xds/server.ts';
import type { Snapshot } from '../src/xds/snapshot.ts';
import { selfSignedCertificate } from './support/certificate.ts';
import { startFloorServer } from './support/floor-server.ts';

const sizes = [100, 1_000] as const;
const rounds = 15;

type Transport = 'plain' | 'tls';
const certificate = selfSignedCertificate();

interface Contestant {
  readonly name: string;
  readonly size: number;
  push(mark: number): Promise<void>;
  close(): Promise<void>;
  readonly times: number[];
  readonly cpu: number[];
}

function assignment(mark: number): Resource {
  const lbEndpoints = Array.from({ length: 50 }, (_, index) => ({
    hostIdentifier: {
      case: 'endpoint' as const,
      value: {
        hostname: `backend-${index}.region-1.example.internal`,
        address: {
          address: {
            case: 'socketAddress' as const,
            value: {
              address: `10.0.${index === 7 ? mark % 256 : 1}.${index}`,
              portSpecifier: { case: 'portValue' as const, value: 8080 },
            },
          },
        },
      },
    },
  }));
  const locality = { region: 'region-1', zone: 'zone-a' };
  const value = encode(ClusterLoadAssignmentSchema, { clusterName: 'hot', endpoints: [{ locality, lbEndpoints }] });
  return createResource({ typeUrl: endpointType, name: 'hot', value });
}

function startLoad(port: number, size: number, transport: Transport): Promise<ChildProcess> {
  const program = fileURLToPath(new URL('./support/delta-load.js', import.meta.url));
  const child = fork(program, [String(port), String(size), transport]);
  return new Promise((resolve, reject) => {
    child.once('message', () => resolve(child));
    child.once('exit', (code) => reject(new Error(`the load client ended with ${code}`)));
  });
}

async function startWeft(size: number, transport: Transport): Promise<Contestant> {
  const watchers = new Set<() => void>();
  let layer = createLayer([assignment(0)]);
  let snapshot: Snapshot = { generation: 0, commit: '', layers: [layer] };
  let left = size;
  let done = () => {};
  const all = () =>
    new Promise<void>((resolve) => {
      left = size;
      done = resolve;
    });
  const credentials =
    transport === 'plain'
      ? ServerCredentials.createInsecure()
      : createRotatingCredentials({ get: () => certificate, watch: () => () => {} });
  const server = await startXdsServer<string>({
    address: '127.0.0.1',
    port: 0,
    credentials,
    identifier: 'bench',
    authenticate: () => ({ ok: 'bench' }),
    open: () => ({
      ok: {
        snapshot: () => snapshot,
        watch: (onChange) => {
          watchers.add(onChange);
          return () => watchers.delete(onChange);
        },
        close: () => {},
      },
    }),
    observe: ({ kind }) => {
      if (kind !== 'acked') return;
      left -= 1;
      if (left === 0) done();
    },
  });
  const opened = all();
  const load = await startLoad(server.port, size, transport);
  await opened;
  return {
    name: 'weft',
    size,
    times: [],
    cpu: [],
    push(mark) {
      const acknowledged = all();
      layer = createLayer([assignment(mark)], layer);
      snapshot = { generation: mark, commit: '', layers: [layer] };
      for (const watcher of [...watchers]) watcher();
      return acknowledged;
    },
    async close() {
      load.removeAllListeners('exit');
      load.kill();
      await server.close();
    },
  };
}

async function startFloor(size: number, transport: Transport): Promise<Contestant> {
  const frame = (mark: number): Buffer => {
    const plan = {
      typeUrl: endpointType,
      nonce: `${mark}`,
      version: `${mark}`,
      resources: [assignment(mark)],
      removed: [],
    };
    const message = encodeResponse('delta', plan, 'bench');
    const header = Buffer.alloc(5);
    header.writeUInt32BE(message.length, 1);
    return Buffer.concat([header, message]);
  };
  const server = await startFloorServer(frame(0), transport === 'plain' ? undefined : certificate);
  const load = await startLoad(server.port, size, transport);
  return {
    name: 'floor',
    size,
    times: [],
    cpu: [],
    push: (mark) => server.push(frame(mark)),
    close: () => {
      load.removeAllListeners('exit');
      load.kill();
      server.close();
      return Promise.resolve();
    },
  };
}

async function measure(contestant: Contestant, mark: number, counts: boolean): Promise<void> {
  const cpu = process.cpuUsage();
  const started = performance.now();
  await contestant.push(mark);
  const took = performance.now() - started;
  const { user, system } = process.cpuUsage(cpu);
  if (!counts) return;
  contestant.times.push(took);
  contestant.cpu.push((user + system) / 1000);
}

function median(values: readonly number[]): number {
  return [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN;
}

console.log(
  `push     one endpoint of 50 changes (${assignment(1).value.length} bytes), until N delta streams have acknowledged`,
);
console.log(`         medians of ${rounds} interleaved rounds; the load client is a process of its own`);
console.log('transport     N   weft ms  cpu ms   floor ms  cpu ms   weft/floor  encodes/push');
for (const transport of ['plain', 'tls'] as const) {
  const contestants: Contestant[] = [];
  for (const size of sizes) contestants.push(await startWeft(size, transport), await startFloor(size, transport));
  const encodes: number[] = [];
  for (let round = 1; round <= rounds + 3; round += 1)
    for (const contestant of contestants) {
      const before = encodeCounter.resources;
      await measure(contestant, round, round > 3);
      if (contestant.name === 'weft') encodes.push(encodeCounter.resources - before);
    }
  const of = (name: string, size: number) => contestants.find((one) => one.name === name && one.size === size);
  for (const size of sizes) {
    const [weft, floor] = [of('weft', size), of('floor', size)];
    const [time, least] = [median(weft?.times ?? []), median(floor?.times ?? [])];
    const cells = [time, median(weft?.cpu ?? []), least, median(floor?.cpu ?? [])].map((value) => value.toFixed(1));
    const [weftTime = '', weftCpu = '', floorTime = '', floorCpu = ''] = cells;
    console.log(
      `${transport.padEnd(9)} ${String(size).padStart(5)} ${weftTime.padStart(9)} ${weftCpu.padStart(7)} ${floorTime.padStart(10)} ${floorCpu.padStart(7)} ${(time / least).toFixed(2).padStart(12)} ${median(encodes).toFixed(0).padStart(13)}`,
    );
  }
  const growth = median(of('weft', 1_000)?.times ?? []) / median(of('weft', 100)?.times ?? []);
  console.log(
    `${transport.padEnd(9)} N=1000 against N=100: ${growth.toFixed(1)} times the time for 10 times the streams`,
  );
  for (const contestant of contestants) await contestant.close();
}
