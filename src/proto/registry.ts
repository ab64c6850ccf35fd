import type { DescMessage, Registry } from '@bufbuild/protobuf';
import { CodecError } from './codec-error.ts';
import { described } from './descriptors.ts';

/** Every message and enum that Weft can name: those of the descriptor set, in which google.protobuf is, too. */
export const registry: Registry = described;

/** The schema of a full message name or of a type URL; throws CodecError when there is none. */
export function schemaOf(nameOrTypeUrl: string): DescMessage {
  const name = nameOrTypeUrl.slice(nameOrTypeUrl.lastIndexOf('/') + 1);
  const schema = registry.getMessage(name);
  if (schema === undefined) throw new CodecError(name, '', 'unknown message type');
  return schema;
}
