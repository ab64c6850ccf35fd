import type { ProxyIR } from '../../src/model/ir.ts';
import { resolveEndpoints } from '../../src/resolve/endpoints.ts';
import { resolveProxy } from '../../src/resolve/proxy.ts';
import { translateCapture } from '../../src/translate/translate-capture.ts';
import { translateInbound } from '../../src/translate/translate-inbound.ts';
import { type SecretMaterial, translateSecrets } from '../../src/translate/translate-secrets.ts';
import { translateView } from '../../src/translate/translate-view.ts';
import type { Resource } from '../../src/xds/resource.ts';
import type { Scene } from './scene.ts';

/** From a scene to all that its proxy is told, by the functions that the control plane calls. */
export function pipeline(
  { proxy, mesh }: Pick<Scene, 'proxy' | 'mesh'>,
  secrets: SecretMaterial,
): { readonly ir: ProxyIR; readonly resources: readonly Resource[] } {
  const ir = resolveProxy(mesh, proxy);
  const resources = [
    ...translateView(ir.view, (destination) => resolveEndpoints(mesh, destination)),
    ...translateCapture(ir.view, proxy.capture),
    ...translateInbound(ir.inbound, proxy),
    ...translateSecrets(secrets),
  ];
  return { ir, resources };
}
