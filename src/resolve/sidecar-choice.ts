import type { MeshSettings } from '../model/mesh.ts';
import type { Labels, SidecarObject } from '../model/policy.ts';
import { chooseSidecar } from '../policy/sidecar-choice.ts';
import type { PolicyIndex } from './policy-index.ts';

const none: readonly SidecarObject[] = [];

/** P7: the Sidecar that acts for a proxy of this namespace with these labels, if any does. */
export function sidecarOf(
  index: PolicyIndex,
  settings: Pick<MeshSettings, 'rootNamespace'>,
  client: { readonly namespace: string; readonly labels: Labels },
): SidecarObject | undefined {
  if (index.sidecars.size === 0) return undefined;
  const of = (namespace: string) => index.sidecars.get(namespace) ?? none;
  return chooseSidecar(of(client.namespace), of(settings.rootNamespace), client.labels);
}
