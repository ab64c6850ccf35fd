import { createRegistry, type DescMessage, type Registry } from '@bufbuild/protobuf';
import {
  file_google_protobuf_any,
  file_google_protobuf_duration,
  file_google_protobuf_empty,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_wrappers,
} from '@bufbuild/protobuf/wkt';
import { CodecError } from './codec-error.ts';
import { files } from './gen/files.ts';

/** Every message and enum that Weft can name: the generated ones and those of google.protobuf. */
export const registry: Registry = createRegistry(
  ...files,
  file_google_protobuf_any,
  file_google_protobuf_duration,
  file_google_protobuf_empty,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_wrappers,
);

/** The schema of a full message name or of a type URL; throws CodecError when there is none. */
export function schemaOf(nameOrTypeUrl: string): DescMessage {
  const name = nameOrTypeUrl.slice(nameOrTypeUrl.lastIndexOf('/') + 1);
  const schema = registry.getMessage(name);
  if (schema === undefined) throw new CodecError(name, '', 'unknown message type');
  return schema;
}
