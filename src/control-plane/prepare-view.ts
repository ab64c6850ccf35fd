import type { OutboundService, Scope, View } from '../model/ir.ts';
import type { Mesh } from '../model/mesh.ts';
import type { Proxy } from '../model/proxy.ts';
import type { Steps } from '../model/steps.ts';
import { resolveEndpoints } from '../resolve/endpoints.ts';
import { touchedServices } from '../resolve/touched-services.ts';
import { viewSteps } from '../resolve/view.ts';
import { translateListeners } from '../translate/translate-capture.ts';
import {
  changedServices,
  registeredDestinations,
  serviceResources,
  translateEndpoints,
} from '../translate/translate-view.ts';
import { type CaptureLayer, captureLayer, type ViewLayer, viewLayerSteps } from './shared-layers.ts';

/** A scope that some proxies have, with how their listeners are made, by `captureKey`, and what was made before. */
export interface WantedScope {
  readonly scope: Scope;
  readonly captures: Map<string, Proxy['capture']>;
  readonly made: PreparedScope | undefined;
}

/** All that the proxies of a scope share: by `captureKey` their listeners. */
export interface PreparedScope {
  readonly view: ViewLayer;
  readonly captures: ReadonlyMap<string, CaptureLayer>;
}

/** So many services are translated in one step: a few milliseconds. */
const servicesAStep = 4;

/** A mesh of so many services is made ready at once; it takes less than a large one holds the event loop. */
export const smallMesh = 100;

/**
 * Makes a view and its listeners step by step. Where they were made before, only what has changed since; where they were not, what another
 * scope of this mesh has, `beside`, is what they begin with.
 */
export function* prepareView(
  mesh: Mesh,
  { scope, captures, made: previous }: WantedScope,
  beside?: PreparedScope,
): Steps<PreparedScope> {
  const view = yield* viewSteps(mesh, scope);
  yield;
  const start = startOf(mesh, previous) ?? (beside?.view.mesh === mesh ? beside : undefined);
  const services = start?.view.view === view ? [] : addedServices(start, view);
  for (const [index, service] of services.entries()) {
    serviceResources(view, service);
    for (const capture of captures.values()) translateListeners(view, service, capture);
    for (const destination of registeredDestinations(view, service.service))
      translateEndpoints(resolveEndpoints(mesh, destination));
    if (index % servicesAStep === 0) yield;
  }
  yield;
  const made = yield* viewLayerSteps(mesh, view, previous?.view, beside?.view);
  const listeners = new Map<string, CaptureLayer>();
  for (const [key, capture] of captures) {
    yield;
    listeners.set(key, captureLayer(view, capture, previous?.captures.get(key), beside?.captures.get(key)));
  }
  return { view: made, captures: listeners };
}

function addedServices(start: PreparedScope | undefined, view: View): readonly OutboundService[] {
  return (start && changedServices(start.view.view, view))?.added ?? view.services;
}

/** Endpoints of every service may be others than those that were made before. */
function startOf(mesh: Mesh, previous: PreparedScope | undefined): PreparedScope | undefined {
  return previous !== undefined && touchedServices(previous.view.mesh, mesh) !== 'all' ? previous : undefined;
}
