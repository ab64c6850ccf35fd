import type { Scope } from '../model/ir.ts';
import type { Mesh } from '../model/mesh.ts';
import type { Proxy } from '../model/proxy.ts';
import type { Steps } from '../model/steps.ts';
import { resolveEndpoints } from '../resolve/endpoints.ts';
import { touchedServices } from '../resolve/touched-services.ts';
import { viewSteps } from '../resolve/view.ts';
import { proxyHosts } from '../translate/proxy-hosts.ts';
import { translateListeners } from '../translate/translate-capture.ts';
import {
  changedServices,
  registeredDestinations,
  translateEndpoints,
  translateService,
} from '../translate/translate-view.ts';
import type { ViewLayer } from './shared-layers.ts';

/** A scope that some proxies have, with how their listeners are made, by `captureKey`, and what was made before. */
export interface WantedScope {
  readonly scope: Scope;
  readonly captures: Map<string, Proxy['capture']>;
  readonly made: ViewLayer | undefined;
}

/** So many services are translated in one step: a few milliseconds. */
const servicesAStep = 4;

/** A mesh of so many services is made ready at once; it takes less than a large one holds the event loop. */
export const smallMesh = 100;

/**
 * Does, step by step, what a view and its listeners are then made of at once: what is decided and encoded here is remembered. Where they
 * were made before, only what has changed since.
 */
export function* prepareView(mesh: Mesh, { scope, captures, made: previous }: WantedScope): Steps<void> {
  const view = yield* viewSteps(mesh, scope);
  const isKept = previous !== undefined && touchedServices(previous.mesh, mesh) !== 'all';
  const services = (isKept ? changedServices(previous.view, view)?.added : undefined) ?? view.services;
  for (const [index, service] of services.entries()) {
    translateService(service);
    for (const capture of captures.values()) translateListeners(view, service, capture);
    for (const destination of registeredDestinations(view, service.service))
      translateEndpoints(resolveEndpoints(mesh, destination));
    if (index % servicesAStep === 0) yield;
  }
  yield;
  proxyHosts(view, previous?.view);
  yield;
}
