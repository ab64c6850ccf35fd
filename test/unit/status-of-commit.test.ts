import { credentials } from '@grpc/grpc-js';
import { afterAll, expect, test } from 'vitest';
import { parseToken } from '../../src/ca/token.ts';
import {
  clusterType,
  endpointType,
  listenerType,
  routeType,
  secretType,
  virtualHostType,
} from '../../src/xds/resource-types.ts';
import { namesOf } from '../../src/xds/snapshot.ts';
import { eventually } from '../support/eventually.ts';
import { connectRawClient } from '../support/raw-xds-client.ts';
import { runVerb } from '../support/run-verb.ts';
import { serviceYaml, startTestMesh, type TestMesh } from '../support/test-mesh.ts';

/*
 * `weft status --commit ID` says yes only when every connected proxy has acknowledged what the commit says: asked of a real control plane
 * while a scripted client is slow at each of its steps.
 */

const cleanups: (() => unknown)[] = [];
afterAll(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function meshOf(policies: Readonly<Record<string, string>>): Promise<TestMesh> {
  const mesh = await startTestMesh({ policies });
  cleanups.push(() => mesh.close());
  return mesh;
}

/** A client that asks for what it is told to ask for, and acknowledges when it is told to. */
async function slowClient(mesh: TestMesh, service: string) {
  const { xdsPort, rootPem } = mesh.controlPlane();
  const client = connectRawClient(xdsPort, credentials.createSsl(Buffer.from(rootPem)));
  cleanups.push(() => client.close());
  const { bearer } = parseToken(await mesh.token(service));
  const open = () => client.delta({ authorization: `Bearer ${bearer.expose()}` });
  let stream = open();
  const id = `${service}-1.shop`;
  const weft = { service, namespace: 'shop', capture: { bind: mesh.nextAddress(), proxy: 15_001, ports: true } };
  const node = { id, cluster: service, userAgentName: 'envoy', metadata: { weft } };
  const slow = {
    /** Its first request; a large mesh has it come again until all is made for it. */
    begin: () =>
      eventually('the first answer', async () => {
        stream.cancel();
        stream = open();
        stream.send({ node, typeUrl: clusterType });
        return slow.take(clusterType);
      }),
    ask(typeUrl: string) {
      const layers = mesh.controlPlane().snapshots.of(id)?.layers ?? [];
      const names = byName.has(typeUrl) ? [...namesOf(layers, typeUrl)] : [];
      stream.send({ typeUrl, resourceNamesSubscribe: names });
    },
    /** The next response of this type, acknowledged only by what is returned; those of other types are acknowledged at once. */
    async take(typeUrl: string) {
      for (;;) {
        const { typeUrl: came, nonce } = await stream.next();
        const acknowledge = () => stream.send({ typeUrl: came, responseNonce: nonce });
        if (came === typeUrl) return acknowledge;
        acknowledge();
      }
    },
    /** Acknowledges whatever comes. */
    async takeAll() {
      while (stream.waiting() > 0) {
        const { typeUrl, nonce } = await stream.next();
        stream.send({ typeUrl, responseNonce: nonce });
      }
    },
  };
  return slow;
}

type SlowClient = Awaited<ReturnType<typeof slowClient>>;

const byName: ReadonlySet<string> = new Set([endpointType, routeType, secretType]);
/** In the order in which Envoy asks. */
const types = [clusterType, endpointType, listenerType, secretType, routeType, virtualHostType];

/** The exit code of `weft status --commit`. */
async function answer(mesh: TestMesh, commit: string): Promise<number> {
  const { adminPort } = mesh.controlPlane();
  const words = ['status', '--commit', commit, '--cp', `http://127.0.0.1:${adminPort}`];
  return (await runVerb(words, { cwd: mesh.folder })).code;
}

/** Acknowledges what is on its way, until nothing is. */
async function settled(mesh: TestMesh, client: SlowClient): Promise<void> {
  await eventually('all that was sent is acknowledged', async () => {
    await client.takeAll();
    const [stream] = mesh.controlPlane().values.streams();
    return stream?.subscriptions.every(({ sentAt = '', ackedAt = '' }) => sentAt <= ackedAt);
  });
}

const served = (mesh: TestMesh) => mesh.controlPlane().policies.get().served?.revision.commit ?? '';
const shown = (mesh: TestMesh) => mesh.controlPlane().values.proxies()[0]?.status;

test('a proxy that comes is PENDING until it has asked for all that it is led to, and acknowledged it', {
  timeout: 60_000,
}, async () => {
  const mesh = await meshOf({ 'shop.yaml': `${serviceYaml('catalog')}${serviceYaml('reviews')}` });
  const commit = served(mesh);
  const client = await slowClient(mesh, 'frontend');
  const seen: unknown[] = [];
  for (const type of types) {
    if (type !== clusterType) client.ask(type);
    const acknowledge = await (type === clusterType ? client.begin() : client.take(type));
    seen.push([shown(mesh), await answer(mesh, commit)]);
    acknowledge();
    if (type === virtualHostType) break;
    await settled(mesh, client);
    seen.push([shown(mesh), await answer(mesh, commit)]);
  }
  expect(seen).toEqual(seen.map(() => ['PENDING', 1]));
  await isServed(mesh, client, commit);
  expect(shown(mesh)).toBe('SYNCED');

  // A new service: its cluster is acknowledged, its endpoints are not asked for yet.
  const next = await mesh.commit({ 'ratings.yaml': serviceYaml('ratings') });
  const acknowledge = await client.take(clusterType);
  acknowledge();
  await settled(mesh, client);
  expect([shown(mesh), await answer(mesh, next)]).toEqual(['PENDING', 1]);
  for (const type of byName) client.ask(type);
  await isServed(mesh, client, next);
  // What an earlier commit says it has, too; of one that is not in the history nobody knows anything.
  expect([await answer(mesh, commit), await answer(mesh, '1'.repeat(40))]).toEqual([0, 1]);
});

test('no commit of a large mesh is what a proxy has before it was sent it', async () => {
  const names = Array.from({ length: 101 }, (_, index) => `s${index}`);
  const mesh = await meshOf({ 'shop.yaml': names.map((name) => serviceYaml(name)).join('') });
  const client = await slowClient(mesh, 'frontend');
  (await client.begin())();
  for (const type of types.slice(1)) {
    await settled(mesh, client);
    client.ask(type);
    (await client.take(type))();
  }
  await isServed(mesh, client, served(mesh));
  const { snapshots, mesh: made, values } = mesh.controlPlane();
  const seen = new Set<string>();
  const before = served(mesh);
  // Again and again while the commit is read, checked, and made ready in steps, and at the moment when there is a mesh of it and no more.
  const watched = new Promise<void>((resolve) => {
    cleanups.push(made.watch(() => look(false)));
    const look = (again: boolean): void => {
      const commit = made.get()?.policies.commit ?? '';
      const [proxy] = values.proxies();
      const isSent = snapshots.of('frontend-1.shop')?.commit === commit;
      seen.add(`${isSent ? 'made' : 'in the making'}: ${proxy?.status} ${proxy?.revision.serving === commit}`);
      if (isSent && commit !== before && proxy?.status === 'PENDING') resolve();
      else if (again) setTimeout(look, 5, true);
    };
    look(true);
  });
  const commit = await mesh.commit({ 'ratings.yaml': serviceYaml('ratings') });
  await watched;
  expect([...seen].sort()).toEqual(['in the making: PENDING false', 'made: PENDING false', 'made: SYNCED true']);
  expect(await answer(mesh, commit)).toBe(1);
}, 90_000);

/** Acknowledges all until the answer is yes. */
async function isServed(mesh: TestMesh, client: SlowClient, commit: string): Promise<void> {
  const isSo = async () => {
    await client.takeAll();
    return (await answer(mesh, commit)) === 0;
  };
  await eventually(`every proxy has ${commit}`, isSo, 30_000);
}
