import type { JsonObject } from '@bufbuild/protobuf';
import { compareText } from '../model/compare-text.ts';
import type { Decided, DecidedBy } from '../model/provenance.ts';
import { refText } from '../model/provenance.ts';
import { type Metadata, MetadataSchema } from '../proto/gen/envoy/config/core/v3/base_pb.ts';
import { message } from '../proto/message.ts';

/** The key under `filter_metadata` where Weft's own words stand. */
export const weftMetadataKey = 'weft.dev';

/** In an endpoint: the workload's label `version`. Statistics read it (model/telemetry-tags.ts). */
export const versionMetadataKey = 'version';

/** What was decided under the name of a field, once or once for each element of a list. */
export type DecidedField = Decided<unknown> | readonly Decided<unknown>[] | undefined;

/**
 * For each field that a policy decided, the stable reference of who did, or of all who did: never file, line or commit, which would
 * change bytes when a line moves (section 4.2 of experience.md). Fields that a default decided are left out: absence says so. `name` is
 * the full name of the rule (`VirtualService/shop/reviews[canary]`), used for fields that this rule's own object decided.
 */
export function provenanceMetadata(
  fields: Readonly<Record<string, DecidedField>>,
  name = '',
  extra: Readonly<Record<string, string>> = {},
): Metadata | undefined {
  const entries = Object.entries(fields).flatMap(([field, decided]): [string, JsonObject[string]][] => {
    const references = [decided].flat().flatMap((one) => (one === undefined ? [] : (reference(one.by, name) ?? [])));
    const [only, ...others] = new Set(references);
    return only === undefined ? [] : [[field, others.length === 0 ? only : [only, ...others]]];
  });
  const known = [...entries, ...Object.entries(extra)];
  if (known.length === 0) return undefined;
  // In order: what encodes messages would else copy each message around it to put them so.
  known.sort(([one], [other]) => compareText(one, other));
  return message(MetadataSchema, { filterMetadata: { [weftMetadataKey]: Object.fromEntries(known) } });
}

/**
 * Every decided value of a part of the IR, by the name that it has there; what a list or a plain object holds counts as its part's own.
 * So no field that is added to the IR goes without its reference.
 */
export function decidedFields(part: object): Readonly<Record<string, readonly Decided<unknown>[]>> {
  const found: Record<string, Decided<unknown>[]> = {};
  const walk = (value: unknown, field: string): void => {
    if (typeof value !== 'object' || value === null) return;
    if (isDecided(value)) {
      const known = found[field] ?? [];
      known.push(value);
      found[field] = known;
    } else if (Array.isArray(value)) for (const item of value) walk(item, field);
    else for (const [key, inner] of Object.entries(value)) walk(inner, key);
  };
  walk(part, '');
  return found;
}

function isDecided(value: object): value is Decided<unknown> {
  return 'by' in value && 'value' in value;
}

function reference(by: DecidedBy, name: string): string | undefined {
  if ('default' in by) return undefined;
  const object = refText(by.object);
  return name.startsWith(`${object}[`) ? name : object;
}
