import { afterAll, expect } from 'vitest';
import { decode } from '../../src/proto/codec.ts';
import { SecretSchema } from '../../src/proto/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import type { Resource } from '../../src/xds/resource.ts';
import { secretType } from '../../src/xds/resource-types.ts';
import { conformBoth } from './conform.ts';
import type { Told } from './peer.ts';
import { eventually } from './xds-fixture.ts';
import { createRoot, type Root } from './xds-roots.ts';

const made: Root[] = [];
afterAll(() => {
  for (const root of made) root.dispose();
});
async function createRoots(): Promise<readonly [old: Root, fresh: Root]> {
  const roots = await Promise.all([createRoot(), createRoot()] as const);
  made.push(...roots);
  return roots;
}

/** The roots in a bundle that a client was told. */
function rootsIn(told: Told): readonly string[] {
  const { type } = decode(SecretSchema, Buffer.from(told.values.get('bundle') ?? '', 'hex'));
  const text = type.case === 'validationContext' ? type.value.trustedCa?.specifier.value?.toString() : undefined;
  return text === undefined ? [] : text.split(/(?<=-----END CERTIFICATE-----\n)/);
}

const versionOf = (resources: readonly Resource[], name: string) =>
  resources.find((resource) => resource.name === name)?.version;

conformBoth(
  'X118 a root changes in steps: both in one bundle, who has taken it is known, then a leaf of the new one, then it alone',
  async ({ start }) => {
    const [old, fresh] = await createRoots();
    const fixture = await start(old.secrets(old));
    const peer = fixture.peer(secretType);
    const status = () => fixture.server.status()[0]?.types[0];
    const holds = (resources: readonly Resource[], name: string) => {
      const version = versionOf(resources, name);
      return status()?.inFlightSince === undefined && status()?.held.some((each) => each.version === version) === true;
    };
    peer.ask(['identity', 'bundle']);
    // One secret in a response.
    const first = [await peer.take(), await peer.take()];
    expect(first.flatMap(({ names }) => names).sort()).toEqual(['bundle', 'identity']);
    expect(first.flatMap(rootsIn)).toEqual([old.pem]);

    const both = old.believing(old, fresh);
    fixture.set(both);
    const second = await peer.next();
    expect([second.names, rootsIn(second)]).toEqual([['bundle'], [old.pem, fresh.pem]]);
    // Until it says that it has taken it, nothing may be signed by the new root.
    expect(holds(both, 'bundle')).toBe(false);
    peer.ack(second);
    await eventually(() => holds(both, 'bundle'), 'the bundle is confirmed');

    const renewed = fresh.secrets(old, fresh);
    expect(versionOf(renewed, 'bundle')).toBe(versionOf(both, 'bundle'));
    fixture.set(renewed);
    expect((await peer.take()).names).toEqual(['identity']);
    await eventually(() => holds(renewed, 'identity'), 'the leaf is confirmed');

    fixture.set(fresh.believing(fresh));
    const last = await peer.take();
    expect([last.names, rootsIn(last)]).toEqual([['bundle'], [fresh.pem]]);
    await peer.silence();
  },
);

conformBoth('X118 a proxy that refuses the new bundle keeps the old, and is known by name', async ({ start }) => {
  const [old, fresh] = await createRoots();
  const fixture = await start(old.secrets(old));
  const peer = fixture.peer(secretType);
  peer.ask(['bundle']);
  await peer.take();
  fixture.set(old.believing(old, fresh));
  peer.nack(await peer.next(), 'Error adding/updating secret bundle: Invalid certificate');
  const refuses = () =>
    fixture.server.status().filter(({ types }) => types.some(({ error }) => error?.names.includes('bundle')));
  await eventually(() => refuses().length === 1, 'the refusal is known');
  expect(refuses().map(({ node }) => node.id)).toEqual(['sidecar~1']);
  await peer.silence();
});
