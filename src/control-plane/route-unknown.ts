import type { View } from '../model/ir.ts';
import type { Mesh } from '../model/mesh.ts';
import { nearestName } from '../model/nearest-name.ts';
import { decidedByText, refText } from '../model/provenance.ts';
import type { Service } from '../model/service.ts';
import { isVisible } from '../policy/hosts.ts';
import { serviceNames } from '../resolve/service-names.ts';

/** What is wrong with a name that a caller of `namespace` does not know, who keeps it from knowing, and what may be meant. */
export function whyUnknownName(
  mesh: Mesh,
  view: View,
  { authority, host, namespace }: { readonly authority: string; readonly host: string; readonly namespace: string },
): readonly string[] {
  const named = `this caller knows no service called ${JSON.stringify(authority)}`;
  const names = serviceNames(mesh.services, mesh.settings, namespace);
  const namesOf = (service: Service) => names.get(service.key) ?? [];
  const known = new Set(view.services.map(({ service }) => service));
  const wanted = host.toLowerCase();
  const hidden = mesh.services.find((service) => !known.has(service.key) && namesOf(service).includes(wanted));
  if (hidden !== undefined) return [`${named}: ${whyHidden(hidden, view, namespace)}`];
  // What the caller knows goes first, then what it could know; a bare name is known in its own namespace alone (P4).
  const visible = mesh.services.filter((service) => isVisible(service.exportTo, service.namespace, namespace));
  const services = [true, false].flatMap((asked) => visible.filter(({ key }) => known.has(key) === asked));
  const meant = new Map<string, { readonly name: string; readonly service: Service }>();
  for (const service of services) {
    const bare = service.origin === 'entry' ? [] : [[service.name, serviceText(service)] as const];
    for (const [text, name] of [...namesOf(service).map((each) => [each, each] as const), ...bare])
      if (!meant.has(text)) meant.set(text, { name, service });
  }
  const nearest = nearestName(host, meant.keys());
  const found = meant.get(wanted) ?? (nearest === undefined ? undefined : meant.get(nearest));
  if (found === undefined) return [named];
  const why = known.has(found.service.key) ? [] : [whyHidden(found.service, view, namespace)];
  return [named, `did you mean ${JSON.stringify(found.name)}?`, ...why];
}

/** P6, P8: whoever may know a service and does not has a Sidecar that leaves it out. */
function whyHidden(service: Service, { imports }: View, namespace: string): string {
  const who = serviceText(service);
  if (imports === undefined || !isVisible(service.exportTo, service.namespace, namespace))
    return `exportTo of ${who} keeps it from namespace ${namespace}`;
  const { by } = imports;
  const sidecar = `${'default' in by ? 'a Sidecar' : refText(by.object)} (${decidedByText(by)})`;
  return `egress of ${sidecar} does not import ${who}`;
}

function serviceText({ name, namespace, host }: Service): string {
  return name === host ? host : `${name}.${namespace}`;
}
