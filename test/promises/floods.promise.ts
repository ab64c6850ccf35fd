import { test } from 'vitest';
import { assignment } from '../../bench/support/mesh.ts';
import { proveFlood } from '../support/hostile-flood-proof.ts';
import { floods } from '../support/hostile-floods.ts';
import { useScenes } from '../support/hostile-scene.ts';

const start = useScenes();

for (const name of Object.keys(floods))
  test(`T11 ${name}, for a minute`, async () => {
    await proveFlood(await start({ resources: [assignment('churned', 3_000)] }), [name], {
      milliseconds: 60_000,
      width: 4,
    });
  });
