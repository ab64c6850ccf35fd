import { compareText } from '../model/compare-text.ts';
import { keepItems } from '../model/keep-items.ts';
import type { MeshSettings } from '../model/mesh.ts';
import type { SidecarObject } from '../model/policy.ts';
import type { Service } from '../model/service.ts';
import type { SidecarEgress } from '../model/sidecar-policy.ts';
import { type Import, importsOf } from '../policy/imports.ts';
import { remembered } from './keep.ts';
import { visibleServices } from './visible-services.ts';

/** What clients of one namespace know of the mesh. */
export interface Imported {
  /** Sorted by key. */
  readonly services: readonly Service[];
  /** By the entry of a Sidecar's egress. */
  readonly byEntry: ReadonlyMap<SidecarEgress, readonly Import[]>;
}

type ByNamespace = Map<string, Imported>;
const memory = new WeakMap<readonly Service[], WeakMap<SidecarObject, ByNamespace>>();
/** The list of before: where it says the same, what is remembered on it stays valid. */
const latest = new WeakMap<SidecarObject, Map<string, readonly Service[]>>();
const nothing: Imported['byEntry'] = new Map();

/**
 * P8: the services that clients of a namespace see (P6), and of them what the entries of their Sidecar import, all together; without
 * egress all (D20). Remembered on the services, the Sidecar and the namespace; the list stays the same while nothing imported changes.
 */
export function importedServices(
  services: readonly Service[],
  settings: MeshSettings,
  namespace: string,
  sidecar: SidecarObject | undefined,
): Imported {
  const visible = visibleServices(services, namespace);
  if (sidecar?.spec.egress === undefined) return { services: visible, byEntry: nothing };
  const { egress } = sidecar.spec;
  const bySidecar = remembered(memory, services, () => new WeakMap<SidecarObject, ByNamespace>());
  const byNamespace = remembered(bySidecar, sidecar, (): ByNamespace => new Map());
  const known = byNamespace.get(namespace);
  if (known) return known;
  const byEntry = new Map(
    egress.map((entry) => [entry, importsOf(entry.hosts, visible, namespace, settings.dnsSuffix)]),
  );
  const wanted = new Set([...byEntry.values()].flatMap((imports) => imports.map(({ service }) => service)));
  const before = remembered(latest, sidecar, () => new Map<string, readonly Service[]>());
  const sorted = [...wanted].sort((a, b) => compareText(a.key, b.key));
  const list = keepItems(before.get(namespace), sorted);
  before.set(namespace, list);
  const imported = { services: list, byEntry };
  byNamespace.set(namespace, imported);
  return imported;
}
