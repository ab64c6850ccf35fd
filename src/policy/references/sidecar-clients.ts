import type { SidecarObject } from '../../model/policy.ts';
import type { Service } from '../../model/service.ts';
import type { Workload } from '../../model/workload.ts';
import { isVisible } from '../hosts.ts';
import { chooseSidecar } from '../sidecar-choice.ts';
import { ofKind, type ReferenceScope } from './reference-scope.ts';

/** For whom a Sidecar acts (P7). */
export interface SidecarClients {
  readonly sidecar: SidecarObject;
  /** Their namespaces, sorted; its own, too, where nobody is known there yet. */
  readonly namespaces: readonly string[];
  /** Undefined: they are not known. */
  readonly workloads: readonly Workload[] | undefined;
}

/** The Sidecars, each with its clients. */
export function sidecarClients(scope: ReferenceScope): readonly SidecarClients[] {
  const sidecars = [...ofKind(scope, 'Sidecar')].sort((a, b) => (a.name < b.name ? -1 : 1));
  const { rootNamespace } = scope.settings;
  const of = (namespace: string) => sidecars.filter((sidecar) => sidecar.namespace === namespace);
  const root = of(rootNamespace);
  const byNamespace = new Map<string, readonly SidecarObject[]>();
  const own = (namespace: string) => {
    const list = byNamespace.get(namespace) ?? of(namespace);
    byNamespace.set(namespace, list);
    return list;
  };
  const chosen = new Map<SidecarObject, Workload[]>();
  for (const workload of scope.workloads ?? []) {
    const sidecar = chooseSidecar(own(workload.namespace), root, workload.labels);
    if (sidecar) chosen.set(sidecar, [...(chosen.get(sidecar) ?? []), workload]);
  }
  return sidecars.map((sidecar) => {
    const workloads = scope.workloads && (chosen.get(sidecar) ?? []);
    const reached =
      sidecar.namespace !== rootNamespace || sidecar.spec.workloadSelector !== undefined
        ? []
        : (workloads ?? scope.policies).map(({ namespace }) => namespace);
    const withoutOwn = reached.filter(
      (namespace) =>
        namespace === rootNamespace || own(namespace).every(({ spec }) => spec.workloadSelector !== undefined),
    );
    return { sidecar, namespaces: [...new Set([sidecar.namespace, ...withoutOwn])].sort(), workloads };
  });
}

/** P6: what clients of a namespace see. Where all is for everybody it is one list for all. */
export function visibleTo(scope: ReferenceScope): (client: string) => readonly Service[] {
  const services = scope.services ?? [];
  const everybody = services.every(({ exportTo }) => exportTo.length === 0 || exportTo.includes('*'));
  return (client) =>
    everybody ? services : services.filter(({ exportTo, namespace }) => isVisible(exportTo, namespace, client));
}

/** `3 clients`, or whose they are where none is known. */
export function clientsText({ namespaces, workloads = [] }: SidecarClients): string {
  if (workloads.length > 0) return workloads.length === 1 ? '1 client' : `${workloads.length} clients`;
  return `clients in ${namespaces.join(', ')}`;
}
