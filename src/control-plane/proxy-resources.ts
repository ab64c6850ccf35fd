import type { ProxyIR } from '../model/ir.ts';
import type { Mesh } from '../model/mesh.ts';
import type { Proxy } from '../model/proxy.ts';
import { resolveEndpoints } from '../resolve/endpoints.ts';
import { resolveProxy } from '../resolve/proxy.ts';
import { translateProbe } from '../translate/probe-cluster.ts';
import { translateCapture } from '../translate/translate-capture.ts';
import { translateInbound } from '../translate/translate-inbound.ts';
import { type SecretMaterial, translateSecrets } from '../translate/translate-secrets.ts';
import { translateView } from '../translate/translate-view.ts';
import type { Resource } from '../xds/resource.ts';
import { virtualHostType } from '../xds/resource-types.ts';

/** What one proxy of a mesh must do, and all that its Envoy may be told for it. */
export interface ProxyResources {
  readonly ir: ProxyIR;
  readonly resources: readonly Resource[];
}

/**
 * From a mesh to one proxy's resources at once, by the functions that serve; nothing is kept or published (B9). Secrets depend on no
 * policy: without `secrets` there are none among the resources, which then only name them.
 */
export function resourcesOf(mesh: Mesh, proxy: Proxy, secrets?: SecretMaterial): ProxyResources {
  const ir = resolveProxy(mesh, proxy);
  const outbound = translateView(ir.view, (destination) => resolveEndpoints(mesh, destination));
  const resources = [
    ...(proxy.capture.wholeRoutes ? outbound.filter(({ typeUrl }) => typeUrl !== virtualHostType) : outbound),
    ...translateCapture(ir.view, proxy.capture),
    ...translateInbound(ir.inbound, proxy),
    ...translateProbe(ir.probe),
    ...(secrets === undefined ? [] : translateSecrets(secrets)),
  ];
  return { ir, resources };
}
