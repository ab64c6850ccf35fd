import { isMessage, type Message } from '@bufbuild/protobuf';
import { fromCanonicalJson } from '../proto/canonical-json.ts';
import { encode, typeUrl as typeUrlOf } from '../proto/codec.ts';
import { CodecError } from '../proto/codec-error.ts';
import { Cluster_DiscoveryType, ClusterSchema } from '../proto/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ClusterLoadAssignmentSchema } from '../proto/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import { VirtualHostSchema } from '../proto/gen/envoy/config/route/v3/route_components_pb.ts';
import { schemaOf } from '../proto/registry.ts';
import { check, fields as fieldsOf, lifetime, list, optional, text } from './check.ts';
import { referencesIn } from './message-references.ts';
import { type Names, reference } from './option-kinds.ts';
import { createResource, type Resource, type ResourceReference } from './resource.ts';

/** What the JSON of a resource does not say, or says otherwise than it should be taken. */
export interface JsonResourceOptions {
  /** The name it is asked for by, where that does not stand in the message: of a virtual host, `<route configuration>/<name>` (X111). */
  readonly name?: string;
  /** In place of the references that are found in the message. */
  readonly references?: readonly ResourceReference[];
  /** In place of the name that follows from an EDS cluster (X95). */
  readonly edsName?: string;
  /** Other names under which it is asked for (X83). */
  readonly aliases?: readonly string[];
  /** Milliseconds after which the client forgets it unless it hears of it again (X106). */
  readonly ttl?: number;
}

const optionKinds = fieldsOf({
  name: optional(text),
  references: optional(list(reference)),
  edsName: optional(text),
  aliases: optional(list(text)),
  ttl: optional(lifetime),
} satisfies Names<JsonResourceOptions>);

/**
 * A resource from its canonical protobuf JSON, an object with its type in `@type`; field names in camelCase or as in the .proto file.
 * Name, `edsName` and references are read off the message. An unknown field, enum name or type, a value of the wrong kind, and a
 * message without a name throw CodecError, which says the path of the field (X101); an option that there is not, a TypeError.
 */
export function resourceOf(json: unknown, options: JsonResourceOptions = {}): Resource {
  check('resourceOf', options, optionKinds, 'options');
  const { type, fields } = opened(json);
  const schema = schemaOf(type);
  const message = fromCanonicalJson(schema, fields);
  const { ttl, aliases } = options;
  const edsName = options.edsName ?? edsNameOf(message);
  return createResource({
    typeUrl: typeUrlOf(schema),
    name: options.name ?? nameOf(message, fields),
    value: encode(schema, message),
    references: options.references ?? referencesIn(message),
    ...(edsName === undefined ? {} : { edsName }),
    ...(aliases === undefined ? {} : { aliases }),
    ...(ttl === undefined ? {} : { ttl }),
  });
}

function opened(json: unknown): { readonly type: string; readonly fields: object } {
  const any = 'google.protobuf.Any';
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new CodecError(any, '', 'a resource is an object with an "@type"');
  if (!('@type' in json)) throw new CodecError(any, '@type', 'missing');
  const { '@type': type, ...fields } = json;
  if (typeof type !== 'string' || !type.includes('/'))
    throw new CodecError(any, '@type', `${JSON.stringify(type)} is no type URL, "type.googleapis.com/…"`);
  return { type, fields };
}

function nameOf(message: Message, fields: object): string {
  if (isMessage(message, VirtualHostSchema))
    throw new CodecError(message.$typeName, 'name', 'say in the options under which name a virtual host is asked for');
  const [field, name] = isMessage(message, ClusterLoadAssignmentSchema)
    ? ['cluster_name', message.clusterName]
    : ['name', 'name' in fields ? fields.name : undefined];
  if (typeof name !== 'string' || name === '') throw new CodecError(message.$typeName, field, 'missing');
  return name;
}

/** X95: the endpoints of an EDS cluster are asked for under its service name, or else its own. */
function edsNameOf(message: Message): string | undefined {
  if (!isMessage(message, ClusterSchema)) return undefined;
  const { clusterDiscoveryType, edsClusterConfig, name } = message;
  if (clusterDiscoveryType.case !== 'type' || clusterDiscoveryType.value !== Cluster_DiscoveryType.EDS)
    return undefined;
  return edsClusterConfig?.serviceName || name;
}
