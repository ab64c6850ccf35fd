import type { Decided, DecidedBy } from '../model/provenance.ts';
import { refText } from '../model/provenance.ts';
import { type Metadata, MetadataSchema } from '../proto/gen/envoy/config/core/v3/base_pb.ts';
import { message } from '../proto/message.ts';

/** The key under `filter_metadata` where Weft's own words stand. */
export const weftMetadataKey = 'weft.dev';

/** In an endpoint: the workload's label `version`. Statistics read it (model/telemetry-tags.ts). */
export const versionMetadataKey = 'version';

/**
 * For each field that a policy decided, the stable reference of who did: never file, line or commit, which would change bytes when
 * a line moves (section 4.2 of experience.md). Fields that a default decided are left out: absence says so. `name` is the full
 * name of the rule (`VirtualService/shop/reviews[canary]`), used for fields that this rule's own object decided.
 */
export function provenanceMetadata(
  fields: Readonly<Record<string, Decided<unknown> | undefined>>,
  name = '',
  extra: Readonly<Record<string, string>> = {},
): Metadata | undefined {
  const entries = Object.entries(fields).flatMap(([field, decided]): [string, string][] => {
    const ref = decided === undefined ? undefined : reference(decided.by, name);
    return ref === undefined ? [] : [[field, ref]];
  });
  const known = { ...Object.fromEntries(entries), ...extra };
  if (Object.keys(known).length === 0) return undefined;
  return message(MetadataSchema, { filterMetadata: { [weftMetadataKey]: known } });
}

function reference(by: DecidedBy, name: string): string | undefined {
  if ('default' in by) return undefined;
  const object = refText(by.object);
  return name.startsWith(`${object}[`) ? name : object;
}
