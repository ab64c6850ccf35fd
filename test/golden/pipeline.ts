import { type ProxyResources, resourcesOf } from '../../src/control-plane/proxy-resources.ts';
import type { SecretMaterial } from '../../src/translate/translate-secrets.ts';
import type { Scene } from './scene.ts';

/** From a scene to all that its proxy is told, by the functions that the control plane calls. */
export function pipeline({ proxy, mesh }: Pick<Scene, 'proxy' | 'mesh'>, secrets: SecretMaterial): ProxyResources {
  return resourcesOf(mesh, proxy, secrets);
}
