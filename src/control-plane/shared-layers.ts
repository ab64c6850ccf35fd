import type { Scope, View } from '../model/ir.ts';
import type { Mesh } from '../model/mesh.ts';
import type { Proxy } from '../model/proxy.ts';
import { finish, type Steps } from '../model/steps.ts';
import { resolveEndpoints } from '../resolve/endpoints.ts';
import { touchedServices } from '../resolve/touched-services.ts';
import { resolveView } from '../resolve/view.ts';
import { balancesZones } from '../resolve/zone-balance.ts';
import { captureChange, translateCapture } from '../translate/translate-capture.ts';
import {
  registeredDestinations,
  translateChange,
  translateEndpoints,
  translateView,
  type ViewChange,
} from '../translate/translate-view.ts';
import { createLayer, type Layer, layerBeside, layerSteps, updateLayer } from '../xds/layer.ts';

/** The outbound half of all proxies of one scope, and the mesh that it was made of. */
export interface ViewLayer {
  readonly mesh: Mesh;
  readonly view: View;
  readonly layer: Layer;
}

/** The listeners of all proxies of one scope with one capture setting. */
export interface CaptureLayer {
  readonly view: View;
  readonly layer: Layer;
}

/**
 * The layer of a scope in this mesh. With `previous` it costs what changed: services are translated that are decided otherwise, endpoints
 * of those that have others, and where nothing differs the layer is the same object.
 */
export function viewLayer(mesh: Mesh, scope: Scope, previous?: ViewLayer): ViewLayer {
  return finish(viewLayerSteps(mesh, resolveView(mesh, scope), previous));
}

/** The same in steps, of a view. Without `previous` it costs what differs from `beside`, the layer of another scope in the same mesh. */
export function* viewLayerSteps(
  mesh: Mesh,
  view: View,
  previous: ViewLayer | undefined,
  beside?: ViewLayer,
): Steps<ViewLayer> {
  const layer = previous && changedLayer(mesh, view, previous);
  if (layer) return { mesh, view, layer };
  const scope = `view ${view.key}`;
  const other = previous === undefined && beside?.mesh === mesh ? changedLayer(mesh, view, beside) : undefined;
  if (other) return { mesh, view, layer: layerBeside(other, scope) };
  const resources = translateView(view, (destination) => resolveEndpoints(mesh, destination));
  yield;
  return { mesh, view, layer: yield* layerSteps(resources, previous?.layer, scope) };
}

function changedLayer(mesh: Mesh, view: View, previous: ViewLayer): Layer | undefined {
  const touched = touchedServices(previous.mesh, mesh);
  const change = previous.view === view ? unchanged : translateChange(previous.view, view);
  // Where zones are balanced, endpoint sets change with where their callers run, too.
  const moved = previous.mesh.workloads !== mesh.workloads && balancesZones(view);
  if (touched === 'all' || change === undefined || moved) return undefined;
  const destinations = [...touched].flatMap((service) => registeredDestinations(view, service));
  const endpoints = [...new Set([...destinations, ...change.registered])].map((destination) =>
    translateEndpoints(resolveEndpoints(mesh, destination)),
  );
  return updateLayer(previous.layer, { set: [...change.set, ...endpoints], remove: change.remove });
}

const unchanged: ViewChange = { set: [], remove: [], registered: [] };

/** The layer of a capture setting; the same object while the view is. Without `previous` it costs what differs from `beside`, as above. */
export function captureLayer(
  view: View,
  capture: Proxy['capture'],
  previous?: CaptureLayer,
  beside?: CaptureLayer,
): CaptureLayer {
  if (previous?.view === view) return previous;
  const scope = `capture ${view.key} ${captureKey(capture)}`;
  const start = previous ?? beside;
  const change = start && captureChange(start.view, view, capture);
  if (change) {
    const layer = updateLayer(start.layer, change);
    return { view, layer: start === previous ? layer : layerBeside(layer, scope) };
  }
  return { view, layer: createLayer(translateCapture(view, capture), previous?.layer, scope) };
}

/** Equal capture settings have equal keys. */
export function captureKey({ bind, proxy, ports, wholeRoutes }: Proxy['capture']): string {
  return `${bind} ${proxy ?? '-'} ${ports}${wholeRoutes ? ' whole' : ''}`;
}
