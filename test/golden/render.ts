import { stringify } from 'yaml';
import type { ProxyIR, View } from '../../src/model/ir.ts';
import { readable } from '../../src/model/readable-ir.ts';
import { toCanonicalJson } from '../../src/proto/canonical-json.ts';
import type { Resource } from '../../src/xds/resource.ts';
import {
  clusterType,
  endpointType,
  extensionType,
  listenerType,
  routeType,
  secretType,
} from '../../src/xds/resource-types.ts';
import type { Scene } from './scene.ts';
import { messageOf } from './static-bootstrap.ts';

const words: ReadonlyMap<string, string> = new Map([
  [clusterType, 'cluster'],
  [endpointType, 'endpoints'],
  [listenerType, 'listener'],
  [routeType, 'routes'],
  [secretType, 'secret'],
  [extensionType, 'filter'],
]);

const style = { lineWidth: 120, aliasDuplicateObjects: false } as const;

/** The part of an IR that a case is about; who decided reads `Kind/namespace/name field file:line`, or `default:D5`. */
export function renderIr({ inbound, probe, view }: ProxyIR, show: Scene['show']): string {
  const services = view.services.filter(({ namespace, name }) => show.services?.includes(`${namespace}/${name}`));
  const shown = {
    ...(show.services === undefined
      ? {}
      : { view: view.key, ...sidecarOf(view), unknownHosts: view.unknownHosts, services }),
    ...(show.inbound === true ? { inbound } : {}),
    ...(probe === undefined ? {} : { probe }),
  };
  return stringify(readable(shown), style);
}

/** What a Sidecar limits a view to, and the listeners that it asks for. */
function sidecarOf({ imports, listeners }: View) {
  const listened = listeners?.map(({ targets, ...listener }) => ({
    ...listener,
    targets: targets.map(({ names, port }) => ({ names, to: port.destination.ref })),
  }));
  return { ...(imports && { imports }), ...(listened && { listeners: listened }) };
}

/** The resources that a case names, in that order, and what each refers to. Throws if one does not exist. */
export function renderResources(resources: readonly Resource[], show: Scene['show']): string {
  const named = show.resources.map((wanted) => {
    const found = resources.find(({ typeUrl, name }) => `${words.get(typeUrl)} ${name}` === wanted);
    if (found === undefined) throw new Error(`there is no ${wanted}, only\n${listed(resources)}`);
    const references = found.references.map(({ typeUrl, name }) => `${words.get(typeUrl)} ${name}`);
    return { [wanted]: { references, resource: toCanonicalJson(messageOf(found)) } };
  });
  return stringify(Object.assign({}, ...named), style);
}

function listed(resources: readonly Resource[]): string {
  return resources.map(({ typeUrl, name }) => `${words.get(typeUrl)} ${name}`).join('\n');
}
