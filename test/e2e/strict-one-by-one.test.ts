import { afterAll, expect, test } from 'vitest';
import { type Application, startApplication, startHttp2Application } from '../support/application.ts';
import { eventually } from '../support/eventually.ts';
import { type Load, type LoadReport, latenessOf, startLoad } from '../support/load.ts';
import type { Member } from '../support/member.ts';
import { exchange, openTcp } from '../support/mesh-client.ts';
import { mutualTlsYaml, serviceYaml, useTestMesh } from '../support/test-mesh.ts';

/*
 * P35: one service, three workloads, each with a PeerAuthentication of its own. They turn from DISABLE over PERMISSIVE to STRICT and back one
 * after another, each step a commit, while callers go on.
 */

type Mode = Parameters<typeof mutualTlsYaml>[0];
const instances = [1, 2, 3] as const;
const requestsPerSecond = 80;

const ports = '[{ name: http, port: 80, targetPort: 9080 }, { name: http2, port: 82, targetPort: 9082 }]';
/** A new connection for each request of the second service over HTTP/1: a handshake, or none. The third one has one workload only. */
const connectionEach = `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: fresh, namespace: shop }
spec: { host: fresh, trafficPolicy: { connectionPool: { http: { maxRequestsPerConnection: 1 } } } }
`;
const others = `apiVersion: v1
kind: Service
metadata: { name: fresh, namespace: shop }
spec: { selector: { app: catalog }, ports: [{ name: http, port: 80, targetPort: 9080 }] }
---
apiVersion: v1
kind: Service
metadata: { name: alone, namespace: shop }
spec: { selector: { app: catalog, instance: i1 }, ports: [{ name: http, port: 80, targetPort: 9080 }] }
`;
const modeOf = (instance: number, mode: Mode) => `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: catalog-${instance}, namespace: shop }
spec: { selector: { matchLabels: { app: catalog, instance: i${instance} } }, mtls: { mode: ${mode} } }
`;
const fileOf = (instance: number) => `catalog-${instance}.yaml`;

const http1: Application[] = [];
const http2: Pick<Application, 'requests' | 'close'>[] = [];
const members: Member[] = [];
let client: Member;

const mesh = useTestMesh(
  () => ({
    policies: {
      'mesh.yaml': mutualTlsYaml('PERMISSIVE'),
      'catalog.yaml': serviceYaml('catalog', ports),
      'others.yaml': others,
      'connections.yaml': connectionEach,
      ...Object.fromEntries(instances.map((instance) => [fileOf(instance), modeOf(instance, 'DISABLE')])),
    },
  }),
  async (started) => {
    for (const instance of instances) {
      const address = started.nextAddress();
      http1.push(await startApplication({ address, port: 9080 }, `catalog-${instance}`));
      http2.push(await startHttp2Application({ address, port: 9082 }, `catalog-${instance}`));
      members.push(
        await started.join({
          service: 'catalog',
          name: `catalog-${instance}`,
          labels: { instance: `i${instance}` },
          address,
          ports: [{ port: 9080 }, { port: 9082, protocol: 'http2' }],
        }),
      );
    }
    client = await started.join({ service: 'frontend' });
    await started.synced();
    for (const cluster of ['out_shop_catalog_80', 'out_shop_catalog_82', 'out_shop_fresh_80'])
      await eventually(
        'the caller knows all endpoints',
        async () => (await client.stat(`cluster.${cluster}.membership_healthy`)) === instances.length,
      );
  },
);
afterAll(() => Promise.all([...http1, ...http2].map((application) => application.close())));

/** Whether plaintext at the workload's port is answered. */
async function answersPlaintext(member: Member): Promise<boolean> {
  const socket = await openTcp(member.address, member.inbound(9080));
  const text = 'GET / HTTP/1.1\r\nhost: catalog\r\nconnection: close\r\n\r\n';
  return (await exchange(socket, text)).received.startsWith('HTTP/1.1 200');
}

const handshakes = (member: Member) => member.stat(`listener.${member.address}_${member.inbound(9080)}.ssl.handshake`);

/** Requests that are answered well after this moment by every load, some on each way. */
async function afterwards(loads: readonly Load[]): Promise<void> {
  await Promise.all(loads.map((load) => load.more(requestsPerSecond / 2)));
}

async function walk(
  stages: readonly Mode[],
): Promise<{ readonly reports: readonly LoadReport[]; readonly steps: number }> {
  const to = (service: string, port: number) => ({ host: client.address, port: mesh().localPort(service, port) });
  const loads = [
    startLoad(to('catalog', 80), requestsPerSecond),
    startLoad({ ...to('catalog', 82), http2: true }, requestsPerSecond),
    startLoad(to('fresh', 80), requestsPerSecond),
    startLoad(to('alone', 80), requestsPerSecond),
  ];
  await afterwards(loads);
  let steps = 0;
  // Each workload walks the whole way before the next begins.
  for (const [index, instance] of instances.entries()) {
    const member = members[index];
    if (member === undefined) throw new RangeError(`no instance ${instance}`);
    for (const mode of stages) {
      await mesh().apply({ [fileOf(instance)]: modeOf(instance, mode) });
      steps += 1;
      await eventually(
        `catalog-${instance} is ${mode}`,
        async () => (await answersPlaintext(member)) === (mode !== 'STRICT'),
      );
      const before = await handshakes(member);
      await afterwards(loads);
      if (mode !== 'DISABLE')
        await eventually('its callers shake hands', async () => (await handshakes(member)) > before);
    }
  }
  const reports = await Promise.all(loads.map((load) => load.stop()));
  return { reports, steps };
}

test.each([
  ['DISABLE', 'PERMISSIVE', 'STRICT'],
  ['STRICT', 'PERMISSIVE', 'DISABLE'],
] as const)(
  'P35: workloads of one service go from %s over %s to %s one by one under load',
  async (...path) => {
    const { reports, steps } = await walk(path.slice(1));
    const sent = reports.reduce((sum, report) => sum + report.sent, 0);
    const succeeded = reports.reduce((sum, report) => sum + report.succeeded, 0);
    const failures = reports.map((report) => report.failures);
    console.log(
      `promise P35: ${path.join(' to ')}: ${steps} commits, ${sent} sent over HTTP/1, HTTP/2, with a connection for each, and to one workload alone: ${sent - succeeded} failed; ${latenessOf(reports)}`,
    );
    expect(failures).toEqual([{}, {}, {}, {}]);
  },
  60_000,
);
