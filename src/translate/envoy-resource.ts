import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { remember } from '../model/remember.ts';
import { encode, typeUrl } from '../proto/codec.ts';
import { createResource, type Resource, type ResourceReference } from '../xds/resource.ts';
import {
  clusterType,
  endpointType,
  extensionType,
  listenerType,
  routeType,
  secretType,
  virtualHostType,
} from '../xds/resource-types.ts';
import { lookForFault } from './generated-fault.ts';

/** How many messages were encoded since the process started, by type: tests assert on differences (house.md 3.4). */
export const translateCounters = {
  clusters: 0,
  endpoints: 0,
  listeners: 0,
  routes: 0,
  virtualHosts: 0,
  secrets: 0,
  extensions: 0,
};

const counterOf: ReadonlyMap<string, keyof typeof translateCounters> = new Map([
  [clusterType, 'clusters'],
  [endpointType, 'endpoints'],
  [listenerType, 'listeners'],
  [routeType, 'routes'],
  [virtualHostType, 'virtualHosts'],
  [secretType, 'secrets'],
  [extensionType, 'extensions'],
]);

/** Encodes a message as the resource of that name, and looks whether Envoy can take it (WEFT0601); `references` without duplicates, in order of type and name. */
export function envoyResource<Desc extends DescMessage>(
  schema: Desc,
  name: string,
  value: MessageShape<Desc>,
  references: readonly ResourceReference[] = [],
  edsName?: string,
): Resource {
  const resource = encodedResource(schema, name, encode(schema, value), references, edsName);
  lookForFault(resource, schema, value);
  return resource;
}

/** The same of a message that is encoded already. */
export function encodedResource(
  schema: DescMessage,
  name: string,
  value: Uint8Array<ArrayBuffer>,
  references: readonly ResourceReference[],
  edsName?: string,
): Resource {
  const type = typeUrl(schema);
  const counter = counterOf.get(type);
  if (counter !== undefined) translateCounters[counter] += 1;
  return createResource({
    name,
    typeUrl: type,
    value,
    references: distinctReferences(references),
    ...(edsName === undefined ? {} : { edsName }),
  });
}

/** A reference to a cluster. */
export function toCluster(name: string): ResourceReference {
  return { typeUrl: clusterType, name };
}

/** A reference to a route configuration. */
export function toRoutes(name: string): ResourceReference {
  return { typeUrl: routeType, name };
}

/** A reference to a secret. */
export function toSecret(name: string): ResourceReference {
  return { typeUrl: secretType, name };
}

/** A reference to the endpoints of a cluster. */
export function toEndpoints(name: string): ResourceReference {
  return { typeUrl: endpointType, name };
}

/** Each once, in order of type and name; of such a list, itself. */
const distinctReferences = remember((references: readonly ResourceReference[]): readonly ResourceReference[] => {
  const keyOf = ({ typeUrl, name }: ResourceReference) => `${typeUrl} ${name}`;
  const byKey = new Map(references.map((reference) => [keyOf(reference), reference]));
  const keys = [...byKey.keys()].sort();
  if (keys.length === references.length && references.every((one, index) => keyOf(one) === keys[index]))
    return references;
  return keys.flatMap((key) => byKey.get(key) ?? []);
});
