import { expect } from 'vitest';
import { knownRootsName } from '../../src/sidecar/known-roots.ts';
import { proxyName } from '../../src/translate/names.ts';
import { clusterType, endpointType, listenerType, routeType, secretType } from '../../src/xds/resource-types.ts';
import { lookup, namesOf } from '../../src/xds/snapshot.ts';
import { eventually } from './eventually.ts';
import type { Member } from './member.ts';
import type { TestMesh } from './test-mesh.ts';

/** As far as a `/config_dump?include_eds` is looked at here. */
interface Entry {
  readonly name?: string;
  readonly version_info?: string;
  readonly cluster?: { readonly name: string; readonly type?: string };
  readonly active_state?: { readonly version_info: string };
  readonly route_config?: { readonly name: string };
  readonly endpoint_config?: { readonly cluster_name: string };
}

const lists: Readonly<Record<string, string>> = {
  dynamic_active_clusters: clusterType,
  dynamic_endpoint_configs: endpointType,
  dynamic_listeners: listenerType,
  dynamic_route_configs: routeType,
  dynamic_active_secrets: secretType,
};

/** What the Envoy holds: `type name version`. In state of the world its versions are those of responses, so they are left out. */
async function held(member: Member, withVersions: boolean): Promise<readonly string[]> {
  const { configs }: { configs: readonly Readonly<Record<string, readonly Entry[]>>[] } = JSON.parse(
    await member.admin.get('/config_dump?include_eds'),
  );
  const clusters = configs.flatMap((config) => config.dynamic_active_clusters ?? []);
  const byEds = new Set(clusters.flatMap(({ cluster }) => (cluster?.type === 'EDS' ? [cluster.name] : [])));
  const found = configs.flatMap((config) =>
    Object.entries(config).flatMap(([list, entries]) => {
      const type = lists[list];
      if (type === undefined) return [];
      // Endpoints that stand in their cluster are listed too.
      const asked = entries.filter(
        (entry) => entry.endpoint_config === undefined || byEds.has(entry.endpoint_config.cluster_name),
      );
      // The roots of the control plane come from a file of the sidecar.
      const told = asked.filter(({ name }) => name !== knownRootsName);
      return told.map(({ name, version_info, cluster, active_state, route_config, endpoint_config }) => {
        const called = name ?? cluster?.name ?? route_config?.name ?? endpoint_config?.cluster_name;
        return line(type, called ?? '', active_state?.version_info ?? version_info ?? '', withVersions);
      });
    }),
  );
  return [...new Set(found)].sort();
}

function line(type: string, name: string, version: string, withVersions: boolean): string {
  const words = [type.slice(type.lastIndexOf('.') + 1), name];
  // Envoy does not tell the versions of endpoints, and of a configuration whose virtual hosts come by themselves that of the last of them.
  const isTold = type !== endpointType && !(type === routeType && name === proxyName);
  return (withVersions && isTold ? [...words, version] : words).join(' ');
}

/** INV1, INV11: nothing warms, nothing is waited for, and each member holds exactly its view, in the same versions. */
export async function expectAtRest(mesh: TestMesh, members: readonly Member[]): Promise<void> {
  for (const member of members) {
    const { variant } =
      mesh
        .controlPlane()
        .values.streams()
        .find(({ proxyId }) => proxyId === member.id) ?? {};
    const { layers } = mesh.controlPlane().snapshots.of(member.id) ?? { layers: [] };
    const view = Object.values(lists).flatMap((type) =>
      [...namesOf(layers, type)].map((name) => lookup(layers, type, name)).filter((found) => found !== undefined),
    );
    // An Envoy asks for the secrets that its clusters and listeners name.
    const named = new Set(view.flatMap(({ references }) => references.map((to) => `${to.typeUrl} ${to.name}`)));
    const asked = view.filter(({ typeUrl, name }) => typeUrl !== secretType || named.has(`${typeUrl} ${name}`));
    const expected = asked
      .map(({ typeUrl, name, version }) => line(typeUrl, name, version, variant === 'delta'))
      .sort();
    let actual: readonly string[] = [];
    // What is on its way out stays for its grace.
    await eventually(`${member.id} is at rest`, async () => {
      actual = await held(member, variant === 'delta');
      return actual.join() === expected.join();
    }).catch(() => expect(actual).toEqual(expected));
    expect(JSON.parse(await member.admin.get('/init_dump'))).toEqual({});
    const warming = await member.stats(
      '^(cluster_manager\\.warming_clusters|listener_manager\\.total_listeners_warming)$',
    );
    expect([...warming.values()]).toEqual([0, 0]);
  }
}
