import { expect, test } from 'vitest';
import { createKeyDesk } from '../../src/control-plane/key-desk.ts';
import { offlineMesh } from '../../src/control-plane/offline-mesh.ts';
import type { Mesh } from '../../src/model/mesh.ts';
import { createCell } from '../../src/model/readable.ts';
import { parsePolicies } from '../../src/policy/parse-policies.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { byId, settings, workload } from '../support/registry-values.ts';
import { proxy } from '../support/telemetry-values.ts';

const uris = ['http://keys/a', 'http://keys/b'] as const;
const authentication = (...of: readonly string[]) => `apiVersion: v1
kind: Service
metadata: { name: keys, namespace: shop }
spec: { selector: { app: keys }, ports: [{ name: http, port: 80 }] }
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: { name: tokens, namespace: shop }
spec:
  jwtRules:
${of.map((uri) => `    - { issuer: "https://${uri.slice(-1)}.example", audiences: [shop], jwksUri: "${uri}" }\n`).join('')}`;

function meshOf(...of: readonly string[]): Mesh {
  const options = { commit: 'c1', rootNamespace: settings.rootNamespace, folders: 'free' } as const;
  const { policies } = parsePolicies([{ path: 'a.yaml', text: authentication(...of) }], options);
  if (policies === undefined) throw new Error('not valid');
  return offlineMesh({ policies, settings, joined: byId(workload('orders-1', 'orders', 19_080)) });
}

const orders = { ...proxy('orders-1', 'orders'), ports: [{ port: 9080, inbound: 19_080, protocol: 'http' as const }] };
const minute = 60_000;

function scene(...of: readonly string[]) {
  const log: string[] = [];
  const mesh = createCell<Mesh | undefined>(meshOf(...of));
  const clock = fakeClock(1_700_000_000_000);
  const logger = {
    warn: (_facts: unknown, text: string) => void log.push(`warn ${text}`),
    info: (_facts: unknown, text: string) => void log.push(`info ${text}`),
  };
  const desk = createKeyDesk({ mesh, logger, clock });
  const hear = (failed: number, fetched = 0) => desk.record(orders, [{ kind: 'keys', failed, fetched }]);
  return { log, mesh, clock, hear, failing: () => desk.failing(orders) };
}

test('one URL: it fails until a fetch comes back, and the log hears of it once each', () => {
  const { log, clock, hear, failing } = scene(uris[0]);
  hear(2);
  clock.advance(minute);
  hear(1);
  expect(failing()).toMatchObject({ failures: 3, since: clock.now() - minute, last: clock.now() });
  expect(failing()?.among).toMatchObject([{ uri: uris[0], by: { field: 'spec.jwtRules[0].jwksUri' } }]);
  hear(0, 1);
  expect(failing()).toBeUndefined();
  hear(1, 1);
  expect(failing()).toBeUndefined();
  expect(log).toEqual([
    'warn the keys of https://a.example at http://keys/a cannot be fetched',
    'info keys are fetched again',
  ]);
});

test('of several URLs a success may be that of another: it stands while keys are used', () => {
  const { clock, hear, failing } = scene(...uris);
  hear(1);
  hear(0, 1);
  expect(failing()?.among.map(({ uri }) => uri)).toEqual(uris);
  clock.advance(5 * minute);
  expect(failing()).toBeUndefined();
});

test('what was known of one URL says nothing of another, nor of long ago', () => {
  const { mesh, clock, hear, failing } = scene(uris[0]);
  hear(1);
  mesh.set(meshOf(uris[1]));
  expect(failing()).toBeUndefined();
  hear(1);
  expect(failing()).toMatchObject({ failures: 1 });
  clock.advance(60 * minute);
  expect(failing()).toBeUndefined();
});
