// A program of its own: a CA, and streams that are each a proxy with an identity of its own, as the control plane serves its secrets.
import { openAuthority } from '../../src/ca/authority.ts';
import { createSvidSource } from '../../src/ca/svid-source.ts';
import { systemClock } from '../../src/model/state-store.ts';
import { translateSecrets } from '../../src/translate/translate-secrets.ts';
import { createXdsServer } from '../../src/xds/create-xds-server.ts';
import { createLayer, updateLayer } from '../../src/xds/layer.ts';
import { encodeCounter } from '../../src/xds/resource.ts';
import type { Snapshot } from '../../src/xds/snapshot.ts';
import { memoryStore } from '../../test/support/memory-store.ts';
import { serveCommands } from './program.ts';
import type { IdentityCommands } from './protocol.ts';
import { createMeter } from './usage.ts';

const meter = createMeter(() => encodeCounter.resources);
const times: number[] = [];
let [acked, streams] = [0, 0];

const commands: IdentityCommands = {
  async start({ life }) {
    const trustDomain = 'bench.example';
    const authority = await openAuthority({
      store: memoryStore(),
      clock: systemClock,
      trustDomain,
      allowShortLives: true,
    });
    const svids = createSvidSource({ authority, clock: systemClock, ttl: life });
    const bundle = authority.bundle.get().roots;
    const server = await createXdsServer<string>({
      address: '127.0.0.1',
      port: 0,
      credentials: 'plaintext',
      connection: { unauthenticatedPerAddress: Number.POSITIVE_INFINITY },
      identifier: 'bench',
      authenticate: () => ({ ok: 'bench' }),
      open: () => {
        const index = times.push(0) - 1;
        const identity = { trustDomain, namespace: 'default', serviceAccount: `proxy-${index}` };
        const secrets = () => {
          const { certificateChain, privateKey } = svids.get(identity);
          return translateSecrets({ certificateChain, privateKey: privateKey.expose(), bundle });
        };
        let layer = createLayer(secrets());
        let snapshot: Snapshot = { generation: 0, commit: '', layers: [layer] };
        let tell = () => {};
        const unwatch = svids.subscribe(identity, () => {
          times[index] = (times[index] ?? 0) + 1;
          layer = updateLayer(layer, { set: secrets() });
          snapshot = { generation: snapshot.generation + 1, commit: '', layers: [layer] };
          tell();
        });
        streams += 1;
        return {
          ok: {
            snapshot: () => snapshot,
            watch: (onChange) => {
              tell = onChange;
              return () => {
                tell = () => {};
              };
            },
            close: () => {
              streams -= 1;
              unwatch();
            },
          },
        };
      },
      observe: (event) => {
        if (event.kind === 'failed' || event.kind === 'refused' || event.kind === 'nacked') console.error(event.kind);
        if (event.kind === 'acked') acked += 1;
      },
    });
    return { port: server.port };
  },
  renewed: () => ({ times, acked, streams }),
  usage: meter.usage,
  watchLoop: meter.watchLoop,
};
serveCommands(commands);
