import { expect, test } from 'vitest';
import { createFailingQuestions } from '../../src/control-plane/failing-questions.ts';
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

function meshOf(text: string, providers = ''): Mesh {
  const options = { commit: 'c1', rootNamespace: settings.rootNamespace, folders: 'free' } as const;
  const { policies } = parsePolicies(
    [
      { path: 'a.yaml', text },
      { path: 'meshconfig.yaml', text: providers },
    ],
    options,
  );
  if (policies === undefined) throw new Error('not valid');
  return offlineMesh({ policies, settings, joined: byId(workload('orders-1', 'orders', 19_080)) });
}

const orders = { ...proxy('orders-1', 'orders'), ports: [{ port: 9080, inbound: 19_080, protocol: 'http' as const }] };
const minute = 60_000;

function scene(first: Mesh) {
  const log: string[] = [];
  const mesh = createCell<Mesh | undefined>(first);
  const clock = fakeClock(1_700_000_000_000);
  const logger = {
    warn: (_facts: unknown, text: string) => void log.push(`warn ${text}`),
    info: (_facts: unknown, text: string) => void log.push(`info ${text}`),
  };
  const desk = createFailingQuestions({ mesh, logger, clock });
  const hearOf =
    (to: 'keys' | 'authorizer') =>
    (failed: number, answered = 0) =>
      desk.record(orders, { kind: 'answers', to, failed, answered });
  return {
    ...{ log, mesh, clock },
    ...{ hear: hearOf('keys'), failing: () => desk.keys(orders) },
    ...{ hearJudge: hearOf('authorizer'), silent: () => desk.authorizer(orders) },
  };
}

test('one URL: it fails until a fetch comes back, and the log hears of it once each', () => {
  const { log, clock, hear, failing } = scene(meshOf(authentication(uris[0])));
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
  const { clock, hear, failing } = scene(meshOf(authentication(...uris)));
  hear(1);
  hear(0, 1);
  expect(failing()?.among.map(({ uri }) => uri)).toEqual(uris);
  clock.advance(5 * minute);
  expect(failing()).toBeUndefined();
});

test('what was known of one URL says nothing of another, nor of long ago', () => {
  const { mesh, clock, hear, failing } = scene(meshOf(authentication(uris[0])));
  hear(1);
  mesh.set(meshOf(authentication(uris[1])));
  expect(failing()).toBeUndefined();
  hear(1);
  expect(failing()).toMatchObject({ failures: 1 });
  clock.advance(60 * minute);
  expect(failing()).toBeUndefined();
});

const asking = (port: number) =>
  meshOf(
    `apiVersion: v1
kind: Service
metadata: { name: judge, namespace: shop }
spec: { selector: { app: judge }, ports: [{ name: grpc, port: 90 }, { name: grpc-new, port: 91 }] }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: ask, namespace: shop }
spec: { selector: { matchLabels: { app: orders } }, action: CUSTOM, provider: { name: judge }, rules: [{}] }
`,
    `extensionProviders:
- name: judge
  envoyExtAuthzGrpc: { service: judge.shop.svc.cluster.local, port: ${port} }
`,
  );

test('an authorizer: each call is a question of its own, so it answers when all of them were answered', () => {
  const { log, clock, mesh, hearJudge, silent, failing } = scene(asking(90));
  hearJudge(2);
  clock.advance(minute);
  expect(silent()).toMatchObject({ failures: 2, since: clock.now() - minute, isMixed: false });
  expect(silent()?.among).toMatchObject([
    { by: { field: 'extensionProviders[0]', at: { file: 'meshconfig.yaml', line: 2 } }, rules: [{ at: { line: 9 } }] },
  ]);
  hearJudge(1, 4);
  expect(silent()).toMatchObject({ failures: 3, isMixed: true });
  hearJudge(1);
  expect(silent()).toMatchObject({ failures: 4, isMixed: false });
  hearJudge(0, 1);
  expect(silent()).toBeUndefined();
  hearJudge(1);
  mesh.set(asking(91));
  expect([silent(), failing()]).toEqual([undefined, undefined]);
  const words = 'the authorizer judge at judge.shop:90 does not answer';
  expect(log).toEqual([`warn ${words}`, 'info the authorizer answers again', `warn ${words}`]);
});
