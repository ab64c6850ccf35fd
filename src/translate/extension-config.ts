import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { pack, typeUrl } from '../proto/codec.ts';
import { TypedExtensionConfigSchema } from '../proto/gen/envoy/config/core/v3/extension_pb.ts';
import {
  type HttpFilter,
  HttpFilterSchema,
} from '../proto/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { message } from '../proto/message.ts';
import type { Resource, ResourceReference } from '../xds/resource.ts';
import { extensionType } from '../xds/resource-types.ts';
import { adsSource } from './config-source.ts';
import { envoyResource, toCluster } from './envoy-resource.ts';

/*
 * What a filter must do that no route configuration can carry comes by ECDS: a change acts on the next request of every open connection,
 * and the listener stays as it is (E21).
 */

/**
 * A filter whose content is the extension of its name, of one of these types. There is no default: until the extension is there requests are
 * answered 500, where a default would let them pass.
 */
export function extensionSlot(name: string, types: readonly DescMessage[]): HttpFilter {
  return message(HttpFilterSchema, {
    name,
    configType: { case: 'configDiscovery', value: { configSource: adsSource, typeUrls: types.map(typeUrl) } },
  });
}

/**
 * The content of a slot. It must be there for as long as a listener has the slot, so where nothing is to be done it says that. `clusters`:
 * those that the content calls, which are made before it and go after it.
 */
export function extensionResource<Desc extends DescMessage>(
  name: string,
  schema: Desc,
  content: MessageShape<Desc> | MessageInitShape<Desc>,
  clusters: readonly string[] = [],
): Resource {
  const extension = message(TypedExtensionConfigSchema, { name, typedConfig: pack(schema, content) });
  return envoyResource(TypedExtensionConfigSchema, name, extension, clusters.map(toCluster));
}

/** A reference of a listener to the content of a slot. */
export function toExtension(name: string): ResourceReference {
  return { typeUrl: extensionType, name };
}
