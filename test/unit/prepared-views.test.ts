import { expect, test } from 'vitest';
import { createProxySnapshots } from '../../src/control-plane/proxy-snapshots.ts';
import { createCell } from '../../src/model/readable.ts';
import { resolveCounters } from '../../src/resolve/counters.ts';
import { clusterType, listenerType, routeType } from '../../src/xds/resource-types.ts';
import { lookup, namesOf, type Snapshot } from '../../src/xds/snapshot.ts';
import { eventually } from '../support/eventually.ts';
import { workload } from '../support/registry-values.ts';
import { proxy } from '../support/resolve-values.ts';
import { secretMaterial, spineMesh, type Texts } from '../support/spine-mesh.ts';

const service = (name: string) =>
  `apiVersion: v1\nkind: Service\nmetadata: { name: ${name}, namespace: shop }\nspec: { selector: { app: ${name} }, ports: [{ name: http, port: 80, targetPort: 9080 }] }\n`;
const route = (name: string, timeout: string) =>
  `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: ${name}, namespace: shop }\nspec: { hosts: [${name}], http: [{ timeout: ${timeout}, route: [{ destination: { host: ${name} } }] }] }\n`;
const names = Array.from({ length: 40 }, (_, index) => `s${index + 10}`);
const texts: Texts = Object.fromEntries(
  names.flatMap((name) => [
    [`shop/${name}.yaml`, service(name)],
    [`shop/${name}-routes.yaml`, route(name, '3s')],
  ]),
);
const workloads = names.map((name, index) => workload(`${name}-1`, name, 20_000 + index));
const capture = { bind: '127.0.0.1', proxy: 15_001, ports: true };
const of = (name: string) => proxy(`${name}.shop`, { labels: { app: 's10' }, service: 's10', capture });

/** The spine as it always is, and beside it snapshots that are made ready in steps. */
function scene() {
  const spine = spineMesh({ texts, workloads });
  const material = createCell(secretMaterial());
  const failures: string[] = [];
  const stepwise = createProxySnapshots({
    mesh: spine.mesh,
    secrets: () => material,
    onFailure: (_, what) => failures.push(what),
    atOnce: 0,
  });
  return { spine, stepwise, failures };
}

const versions = (snapshot: Snapshot | undefined) =>
  [clusterType, listenerType, routeType].flatMap((typeUrl) =>
    [...namesOf(snapshot?.layers ?? [], typeUrl)]
      .sort()
      .map((name) => `${name} ${lookup(snapshot?.layers ?? [], typeUrl, name)?.version}`),
  );

test('a view that is made ready in steps is the one that is made at once; the first proxy waits, the next does not', async () => {
  const { spine, stepwise, failures } = scene();
  const first = stepwise.hold(of('s10-1'));
  expect(first.snapshot.get()).toBeUndefined();
  await eventually('the first has its snapshot', () => first.snapshot.get() !== undefined);
  expect(versions(first.snapshot.get())).toEqual(versions(spine.snapshots.hold(of('s10-1')).snapshot.get()));
  expect(stepwise.hold(of('s10-2')).snapshot.get()?.layers[0]).toBe(first.snapshot.get()?.layers[0]);
  expect(failures).toEqual([]);
  stepwise.stop();
});

test('who was told to come again finds what was made ready meanwhile', async () => {
  const { stepwise } = scene();
  stepwise.hold(of('s10-1')).release();
  await eventually('it is ready', () => {
    const held = stepwise.hold(of('s10-1'));
    const isThere = held.snapshot.get() !== undefined;
    if (!isThere) held.release();
    return isThere;
  });
  stepwise.stop();
});

test('a change of one route resolves one service, in steps too, and reaches every proxy; the newest mesh counts', async () => {
  const { spine, stepwise } = scene();
  const held = ['s10-1', 's10-2', 's10-3'].map((name) => stepwise.hold(of(name)));
  await eventually('all are there', () => held.every(({ snapshot }) => snapshot.get() !== undefined));
  const commits = () => new Set(held.map(({ snapshot }) => snapshot.get()?.commit));
  const before = resolveCounters.services;
  for (const timeout of ['4s', '5s', '6s']) {
    spine.serve({ ...spine.parse({ ...texts, 'shop/s20-routes.yaml': route('s20', timeout) }), commit: timeout });
  }
  await eventually('all have the newest', () => commits().size === 1 && commits().has('6s'));
  expect(resolveCounters.services - before).toBeLessThanOrEqual(3);
  const whole = spine.snapshots.hold(of('s10-1')).snapshot.get();
  expect(versions(held[0]?.snapshot.get())).toEqual(versions(whole));
  stepwise.stop();
});
