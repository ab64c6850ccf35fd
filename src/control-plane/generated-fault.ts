import { brokenRules } from '../proto/broken-rules.ts';
import { decode } from '../proto/codec.ts';
import { schemaOf } from '../proto/registry.ts';
import type { Resource } from '../xds/resource.ts';

const faults = new WeakMap<Resource, { readonly text: string | undefined }>();

/**
 * WEFT0601: the first rule of Envoy's own that a generated resource breaks, in words; undefined: none. A policy that leads there should have
 * been refused with its line, so it is a mistake of Weft's.
 */
export function generatedFault(resource: Resource): string | undefined {
  const known = faults.get(resource);
  if (known !== undefined) return known.text;
  const schema = schemaOf(resource.typeUrl);
  const [first] = brokenRules(schema, decode(schema, resource.value));
  const what = `${schema.name} "${resource.name}"`;
  const text = first && `generated ${what} is invalid: ${first.path || schema.name} ${first.rule}`;
  faults.set(resource, { text });
  return text;
}
