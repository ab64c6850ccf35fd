import type { Plan } from '../../src/xds/plan.ts';
import type { Resource } from '../../src/xds/resource.ts';
import {
  clusterType,
  endpointType,
  listenerType,
  routeType,
  secretType,
  virtualHostType,
} from '../../src/xds/resource-types.ts';
import type { Change } from './xds-client-model.ts';
import { edsNames, type Item, keyOf, namesOfType } from './xds-mesh.ts';
import type { Model } from './xds-model.ts';
import { isBarred } from './xds-rest.ts';

/** X86, in the words of the specification. */
const pushOrder = [clusterType, endpointType, listenerType, routeType, virtualHostType, secretType];

/** Types that lead to clusters. */
const switching: readonly string[] = [listenerType, routeType, virtualHostType];

/** The place of a type in the push order; what comes after secrets shares the last. */
export function placeOf(typeUrl: string): number {
  const place = pushOrder.indexOf(typeUrl);
  return place < 0 ? pushOrder.length : place;
}

/** The rules of section 4 that concern several types of one aggregated stream: INV8, INV9, X114, X119. */
export class Order {
  readonly #client: Model;
  /** Clusters sent on this stream and not removed. */
  #clusters = new Set<string>();
  /** Clusters of which nothing is promised: the client did not ask for them, or just did. */
  readonly #unpromised = new Set<string>();
  /** Clusters that the client would not take: no order helps a route to them. */
  readonly #refused = new Set<string>();
  /** INV9: EDS names owed since their cluster was sent. */
  readonly endpointsOwed = new Set<string>();
  /** The mesh as it was when clusters were sent last on this stream (M1). */
  atClusters: ReadonlyMap<string, Item> | undefined;

  constructor(client: Model) {
    this.#client = client;
  }

  /** A new stream. */
  begin(): void {
    const clusters = this.#client.interest(clusterType);
    this.#clusters = new Set(clusters.cache.keys());
    this.endpointsOwed.clear();
    this.atClusters = undefined;
    this.#unpromised.clear();
    for (const name of Object.keys(edsNames)) if (!clusters.wants(name)) this.#unpromised.add(name);
  }

  /** A change of what the client asks for. */
  changed(typeUrl: string, { subscribe, unsubscribe }: Change): void {
    if (typeUrl === clusterType) {
      const clusters = this.#client.interest(clusterType);
      for (const name of Object.keys(edsNames))
        if (!clusters.wants(name) || subscribe.length > 0) this.#unpromised.add(name);
    }
    if (typeUrl === endpointType) for (const name of unsubscribe) this.endpointsOwed.delete(name);
  }

  /** Clusters that the client would not take. What else it did not take of the same response it has once that is sent again. */
  refused({ resources }: Plan, culprits: readonly Resource[]): void {
    for (const { name } of culprits) this.#refused.add(name);
    const { cache } = this.#client.interest(clusterType);
    for (const { name } of resources) if (!cache.has(name)) this.#unpromised.add(name);
  }

  /** Before a response counts: X114, X119. A name that was asked for is answered, come what may. */
  checkBreaks({ typeUrl, removed }: Plan): void {
    if (placeOf(typeUrl) < placeOf(secretType)) return;
    const { asked } = this.#client.ledger(typeUrl);
    for (const name of removed)
      if (this.#client.isReferredTo(typeUrl, name, true) && !asked.has(name))
        throw new Error(`X114 X119 ${keyOf(typeUrl, name)} is removed while something refers to it`);
  }

  /** After it: what is sent now, and what follows from it. */
  follow({ typeUrl, resources, removed }: Plan): void {
    const names = resources.map(({ name }) => name);
    if (typeUrl === endpointType) for (const name of [...names, ...removed]) this.endpointsOwed.delete(name);
    if (switching.includes(typeUrl))
      // What is let through past a refused cluster (X44) is noted now, whatever the cluster is when this is accepted.
      for (const { references } of resources)
        for (const to of references) if (to.typeUrl === clusterType) this.#isExempt(to.name);
    if (typeUrl === routeType) this.#excuseHosts(names);
    if (typeUrl !== clusterType) return;
    const { variant, world } = this.#client;
    this.atClusters = world.items;
    if (variant === 'sotw') this.#clusters = new Set(names);
    for (const { name, version } of resources) {
      const isNew = variant === 'delta' || this.#client.interest(clusterType).cache.get(name)?.version !== version;
      this.#clusters.add(name);
      this.#unpromised.delete(name);
      const endpoints = edsNames[name];
      if (endpoints === undefined || !this.#client.interest(endpointType).wants(endpoints)) continue;
      this.#client.ledger(endpointType).excused.add(endpoints);
      if (isNew && this.#client.ledger(endpointType).opened) this.endpointsOwed.add(endpoints);
    }
    for (const name of removed) this.#clusters.delete(name);
    this.checkReferences();
  }

  /** Envoy passes over virtual hosts of a route configuration that it does not have, so they come again after it. */
  #excuseHosts(routes: readonly string[]): void {
    const { excused } = this.#client.ledger(virtualHostType);
    const { cache } = this.#client.interest(routeType);
    for (const host of namesOfType(virtualHostType))
      if (routes.some((name) => !cache.has(name) && host.startsWith(`${name}/`))) excused.add(host);
  }

  /** INV8: what was accepted on this stream refers to clusters that were sent and not removed. */
  checkReferences(): void {
    if (!this.#client.ledger(clusterType).opened) return;
    for (const typeUrl of switching)
      for (const [holder, { references, version }] of this.#client.interest(typeUrl).cache) {
        if (!this.#client.isAccepted(typeUrl, holder, version)) continue;
        const missing = references.filter(
          (to) => to.typeUrl === clusterType && !this.#clusters.has(to.name) && !this.#isExempt(to.name),
        );
        for (const to of missing)
          throw new Error(`INV8 ${keyOf(typeUrl, holder)} refers to ${to.name}, which the client does not have`);
      }
  }

  #isExempt(cluster: string): boolean {
    if (cluster === 'nowhere' || this.#refused.has(cluster) || this.#unpromised.has(cluster)) return true;
    // Once a route to it was let through (X44), it stays so until the cluster comes in another form.
    if (isBarred(this.#client, clusterType, cluster)) this.#refused.add(cluster);
    return this.#refused.has(cluster);
  }
}
