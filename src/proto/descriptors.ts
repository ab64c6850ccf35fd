import { readFileSync } from 'node:fs';
import { createFileRegistry, type DescFile, type FileRegistry, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { CodecError } from './codec-error.ts';

const descriptorSet = new URL('./gen/descriptor-set.binpb', import.meta.url);

/**
 * Every .proto file in reach, google/protobuf included, described once. Generated modules take their file from here (scripts/protos.mjs):
 * described by itself, as the generator writes it, each would visit all that it imports again, which was most of the start of `weft run`.
 */
export const described: FileRegistry = createFileRegistry(
  fromBinary(FileDescriptorSetSchema, readFileSync(descriptorSet)),
);

/** The file of an import path, `envoy/config/core/v3/base.proto`; throws CodecError when there is none. */
export function fileNamed(path: string): DescFile {
  const file = described.getFile(path);
  if (file === undefined) throw new CodecError(path, '', 'no such file in the descriptor set');
  return file;
}
