import { constants, setPriority } from 'node:os';
import { test } from 'vitest';
import { assignment } from '../../bench/support/mesh.ts';
import { proveFlood } from '../support/hostile-flood-proof.ts';
import { floods } from '../support/hostile-floods.ts';
import { useScenes } from '../support/hostile-scene.ts';

const start = useScenes();
const { PRIORITY_LOW, PRIORITY_NORMAL } = constants.priority;
/** Who is not root cannot take a lower priority back, and what is started in it has it, too. */
const mayYield = process.getuid?.() === 0;

for (const name of Object.keys(floods))
  test(`T11 ${name}, for a minute`, async () => {
    const scene = await start({ resources: [assignment('churned', 3_000)] });
    // The attackers are in this process. Real ones have machines of their own: here they may not take the two cores from the server, and
    // from the proxies whose waiting is measured.
    if (mayYield) setPriority(PRIORITY_LOW);
    try {
      await proveFlood(scene, [name], { milliseconds: 60_000, width: 4 });
    } finally {
      if (mayYield) setPriority(PRIORITY_NORMAL);
    }
  });
