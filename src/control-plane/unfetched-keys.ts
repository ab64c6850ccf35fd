import type { Mesh } from '../model/mesh.ts';
import type { Proxy } from '../model/proxy.ts';
import { type FetchedKeys, fetchedKeys } from './fetched-keys.ts';
import { whyUnheard } from './unheard-caller.ts';

/** Keys that a workload's Envoy asks nobody for, or in vain. */
export interface UnfetchedKeys {
  readonly keys: FetchedKeys;
  /** `keys.shop has no endpoint at port 80` */
  readonly why: string;
  readonly fix: string;
}

/** The keys of tokens that nobody of the running mesh can give a workload; of servers outside nothing is known. */
export function unfetchedKeys(
  mesh: Mesh,
  asking: Proxy,
  proxyOf: (id: string) => Proxy | undefined,
): readonly UnfetchedKeys[] {
  return fetchedKeys(mesh, asking).flatMap((keys): readonly UnfetchedKeys[] => {
    const { keysFrom, uri } = keys;
    if (keysFrom === undefined)
      return [
        {
          keys,
          why: `no service is ${new URL(uri).hostname}`,
          fix: 'write a service of that host, or another jwksUri',
        },
      ];
    if (keysFrom.kind === 'outside') return [];
    const why = whyUnheard(mesh, asking, keysFrom.ref, proxyOf, true);
    return why === undefined ? [] : [{ keys, why: why.words, fix: why.fix }];
  });
}
