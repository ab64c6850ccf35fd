import type { Service } from '../model/service.ts';
import { isVisible } from '../policy/hosts.ts';
import { remembered } from './keep.ts';

const memory = new WeakMap<readonly Service[], Map<string, readonly Service[]>>();

/** P6: the services that clients of a namespace see, in the order given. Remembered on the list. */
export function visibleServices(services: readonly Service[], clientNamespace: string): readonly Service[] {
  const byNamespace = remembered(memory, services, () => new Map<string, readonly Service[]>());
  let visible = byNamespace.get(clientNamespace);
  if (visible === undefined) {
    visible = services.filter(({ exportTo, namespace }) => isVisible(exportTo, namespace, clientNamespace));
    byNamespace.set(clientNamespace, visible);
  }
  return visible;
}
