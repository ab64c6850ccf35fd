import { expect, test } from 'vitest';
import { assignment } from '../../bench/support/mesh.ts';
import { proveFlood } from '../support/hostile-flood-proof.ts';
import { floods } from '../support/hostile-floods.ts';
import { minimumNode, satisfies } from '../support/hostile-node.ts';
import { useScenes } from '../support/hostile-scene.ts';

const start = useScenes();

test('T11 abuse of HTTP/2 costs its connection, and others nothing', { timeout: 60_000 }, async () => {
  await proveFlood(await start({ resources: [assignment('churned', 3_000)] }), Object.keys(floods), {
    milliseconds: 700,
    width: 2,
  });
});

test('T11 this Node has the corrections of HTTP/2 that the floods need', () => {
  expect(satisfies('20.20.1')).toBe(false);
  expect(satisfies('23.99.0')).toBe(false);
  expect(satisfies('22.22.2')).toBe(true);
  expect(satisfies('26.0.0')).toBe(true);
  expect(satisfies(process.versions.node), `Node ${process.versions.node} is older than ${minimumNode}`).toBe(true);
});
