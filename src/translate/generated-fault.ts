import type { DescMessage, Message } from '@bufbuild/protobuf';
import { brokenRules } from '../proto/broken-rules.ts';
import { decode } from '../proto/codec.ts';
import { schemaOf } from '../proto/registry.ts';
import type { Resource } from '../xds/resource.ts';

/** What is wrong with a generated resource: in words, and where in it, as Envoy writes JSON. */
export interface GeneratedFault {
  readonly text: string;
  readonly path: string;
}

/** Of those that were looked at. */
const faults = new WeakMap<Resource, GeneratedFault | 'none'>();

/** Looks once at what a resource was just encoded from. */
export function lookForFault(resource: Resource, schema: DescMessage, value: Message): void {
  const [first] = brokenRules(schema, value);
  if (first === undefined) {
    faults.set(resource, 'none');
    return;
  }
  const { path, rule } = first;
  const text = `generated ${schema.name} "${resource.name}" is invalid: ${path || schema.name} ${rule}`;
  faults.set(resource, { text, path });
}

/**
 * WEFT0601: the first rule of Envoy's own that a generated resource breaks; undefined: none. A policy that leads there should have been
 * refused with its line, so it is a mistake of Weft's.
 */
export function generatedFault(resource: Resource): GeneratedFault | undefined {
  if (!faults.has(resource)) {
    const schema = schemaOf(resource.typeUrl);
    lookForFault(resource, schema, decode(schema, resource.value));
  }
  const fault = faults.get(resource);
  return fault === 'none' ? undefined : fault;
}

/** Why a resource may be sent to nobody, in words for whoever reads of refusals. */
export function generatedRefusal(resource: Resource): string | undefined {
  const fault = generatedFault(resource);
  return fault && `${fault.text} (WEFT0601)`;
}
