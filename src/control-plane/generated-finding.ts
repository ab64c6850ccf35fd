import type { JsonValue } from '@bufbuild/protobuf';
import { byPosition, type Diagnostic } from '../model/diagnostic.ts';
import type { Policy } from '../model/policy.ts';
import { refOf } from '../model/policy-provenance.ts';
import { type FieldPlace, fieldPlace, placeOfPath, rulePath } from '../model/provenance-fields.ts';
import { toCanonicalJson } from '../proto/canonical-json.ts';
import { decode } from '../proto/codec.ts';
import { schemaOf } from '../proto/registry.ts';
import { type GeneratedFault, generatedFault } from '../translate/generated-fault.ts';
import { weftMetadataKey } from '../translate/provenance-metadata.ts';
import type { Resource } from '../xds/resource.ts';
import type { PolicyState } from './policy-source.ts';
import { contextOf, referenceOf } from './provenance-report.ts';
import type { Refusals } from './refused-resources.ts';
import { objectOf } from './revision-table.ts';

/** What to do about WEFT0601. */
export const generatedHint = 'report it as a bug of Weft; proxies keep what they had until what led to it changes';

/** Who decided a part of a resource. */
interface Decider {
  /** Of the part, as it is called in its provenance; empty: the part is called after the object. */
  readonly field: string;
  readonly ref: string;
  readonly rule: string | undefined;
}

/**
 * WEFT0601 with the lines that led to it: of the parts that lead down to what is wrong, the innermost that says who decided it. `fallback`:
 * where no part says so; undefined: then nobody's line is known.
 */
export function generatedFinding(
  resource: Resource,
  { text, path }: GeneratedFault,
  objectOf: (ref: string) => Policy | undefined,
  fallback: () => { readonly object: Policy; readonly field: string } | undefined = () => undefined,
): Diagnostic | undefined {
  const places = new Map<string, { readonly object: Policy; readonly place: FieldPlace }>();
  for (const { field, ref, rule } of decidersOf(resource, path)) {
    const object = objectOf(ref);
    if (object === undefined) continue;
    const place =
      field === ''
        ? placeOfPath(object, rulePath(object, rule) ?? '')
        : fieldPlace(object, field, { ...contextOf(resource.name), rule });
    places.set(`${place.at.file}:${place.at.line}`, { object, place });
  }
  const other = places.size === 0 ? fallback() : undefined;
  if (other !== undefined) places.set('', { object: other.object, place: placeOfPath(other.object, other.field) });
  const [first, ...others] = places.values();
  return (
    first && {
      code: 'WEFT0601',
      severity: 'error',
      message: text,
      hint: generatedHint,
      at: first.place.at,
      object: refOf(first.object),
      field: first.place.field,
      ...(others.length > 0 && {
        related: others.map(({ object, place: { at } }) => ({
          file: at.file,
          line: at.line,
          message: `${object.kind} ${object.namespace}/${object.name} is part of it`,
        })),
      }),
    }
  );
}

/** The findings of the newest commit, and WEFT0601 of all that proxies should have now and are not sent: each once, whatever the number of scopes. */
export function allFindings(
  { diagnostics, served }: Pick<PolicyState, 'diagnostics' | 'served'>,
  { entries, wanted, placeOf }: Refusals,
): readonly Diagnostic[] {
  const object = (ref: string) => objectOf(served?.policies, ref);
  const generated = entries.flatMap(({ scope, typeUrl, name, version }) => {
    const resource = wanted(scope, typeUrl, name);
    const fault = resource?.version === version ? generatedFault(resource) : undefined;
    if (resource === undefined || fault === undefined) return [];
    const likely = () => {
      const place = placeOf(resource);
      const named = place && object(place.ref);
      return named && { object: named, field: place.field ?? '' };
    };
    return generatedFinding(resource, fault, object, likely) ?? [];
  });
  if (generated.length === 0) return diagnostics;
  const once = new Map(generated.map((finding) => [finding.message, finding]));
  return [...diagnostics, ...once.values()].sort(byPosition);
}

/** Those of the innermost part around `path` that names any; of that, the field that the path leads to, if it is told by name. */
function decidersOf({ typeUrl, value }: Resource, path: string): readonly Decider[] {
  const steps = path.split(/[.[\]]+/).filter((step) => step !== '');
  let part: JsonValue | undefined = toCanonicalJson(decode(schemaOf(typeUrl), value));
  let found = decidersIn(part, steps);
  for (const [index, step] of steps.entries()) {
    part = memberOf(part, step);
    const inner = decidersIn(part, steps.slice(index + 1));
    if (inner.length > 0) found = inner;
  }
  return found;
}

function decidersIn(part: JsonValue | undefined, below: readonly string[]): readonly Decider[] {
  const fields = memberOf(memberOf(memberOf(part, 'metadata'), 'filterMetadata'), weftMetadataKey);
  const told = Object.entries(typeof fields === 'object' && fields !== null ? fields : {}).flatMap(([field, value]) =>
    [value].flat().flatMap((text) => deciderOf(field, text)),
  );
  // Provenance has the words of the IR, `headers` for `requestHeadersToAdd`, and `route` for all that has no word of its own.
  const meant = told.filter(({ field }) => field !== 'route' && below.some((step) => isAbout(step, field)));
  if (meant.length > 0) return meant;
  const named = deciderOf('', memberOf(part, 'name'));
  return named.length > 0 ? named : told;
}

function isAbout(step: string, field: string): boolean {
  return step.toLowerCase().includes(field.toLowerCase().replace(/(ies|s)$/, ''));
}

function deciderOf(field: string, text: JsonValue | undefined): readonly Decider[] {
  const reference = typeof text === 'string' ? referenceOf(text) : undefined;
  return reference === undefined ? [] : [{ field, ...reference }];
}

function memberOf(part: JsonValue | undefined, key: string): JsonValue | undefined {
  if (typeof part !== 'object' || part === null) return undefined;
  return new Map<string, JsonValue>(Object.entries(part)).get(key);
}
