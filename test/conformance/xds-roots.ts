import { openAuthority } from '../../src/ca/authority.ts';
import { systemClock } from '../../src/model/state-store.ts';
import { systemRootsName } from '../../src/translate/names.ts';
import { translateSecrets } from '../../src/translate/translate-secrets.ts';
import type { Resource } from '../../src/xds/resource.ts';
import { memoryStore } from '../support/memory-store.ts';

/** An authority of a mesh, for as long as a test lasts: its root, and leaves that it signs. */
export interface Root {
  readonly pem: string;
  /** The secrets of a proxy: a new leaf of this root, and these roots to be believed. */
  secrets(...believed: readonly Root[]): readonly Resource[];
  /** The same leaf with other roots. */
  believing(...believed: readonly Root[]): readonly Resource[];
  dispose(): void;
}

/** Makes a root that nobody knows yet. */
export async function createRoot(): Promise<Root> {
  const authority = await openAuthority({ store: memoryStore(), clock: systemClock, trustDomain: 'demo.mesh' });
  const issue = () => authority.issue({ trustDomain: 'demo.mesh', namespace: 'shop', serviceAccount: 'plain' });
  let svid = issue();
  const believing = (...believed: readonly Root[]) =>
    translateSecrets({
      certificateChain: svid.certificateChain,
      privateKey: svid.privateKey.expose(),
      bundle: believed.map(({ pem }) => pem),
    }).filter(({ name }) => name !== systemRootsName);
  return {
    pem: authority.bundle.get().roots.join(''),
    secrets(...believed) {
      svid = issue();
      return believing(...believed);
    },
    believing,
    dispose: () => authority.dispose(),
  };
}
