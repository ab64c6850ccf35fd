import type { Service } from '../model/service.ts';
import { isVisible } from '../policy/hosts.ts';
import { remembered } from './keep.ts';

interface Visible {
  /** Those that are not for everybody. */
  readonly limited: readonly Service[];
  /** By the limited ones among them: namespaces that see the same have one list, and what is remembered on it. */
  readonly lists: Map<string, readonly Service[]>;
}

const memory = new WeakMap<readonly Service[], Visible>();

/** P6: the services that clients of a namespace see, in the order given. Remembered; where all is for everybody, the list itself. */
export function visibleServices(services: readonly Service[], clientNamespace: string): readonly Service[] {
  const { limited, lists } = remembered(memory, services, () => ({
    limited: services.filter(({ exportTo }) => exportTo.length > 0 && !exportTo.includes('*')),
    lists: new Map<string, readonly Service[]>(),
  }));
  if (limited.length === 0) return services;
  const seen = limited.filter(({ exportTo, namespace }) => isVisible(exportTo, namespace, clientNamespace));
  const key = seen.map((service) => service.key).join(' ');
  let visible = lists.get(key);
  if (visible === undefined) {
    const hidden = new Set(limited);
    for (const service of seen) hidden.delete(service);
    visible = services.filter((service) => !hidden.has(service));
    lists.set(key, visible);
  }
  return visible;
}
