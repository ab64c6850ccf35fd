import type { Policy } from './policy.ts';
import type { FieldRange, ObjectRef, Provenance, SourceRange } from './provenance.ts';

/** The object's reference. */
export function refOf(object: Pick<Policy, 'kind' | 'namespace' | 'name'>): ObjectRef {
  return { kind: object.kind, namespace: object.namespace, name: object.name };
}

/** Where a field of an object stands in the text: its own place, else that of the nearest parent that was written. */
export function provenance(object: Policy, field: string): Provenance {
  const written = writtenPlace(object.positions, field);
  return { object: refOf(object), field: written?.field ?? field, at: written?.at ?? object.at, commit: object.commit };
}

/** The place of a field, else of the nearest part around it that was written; and what the text calls the field. */
export function writtenPlace(
  positions: ReadonlyMap<string, FieldRange>,
  field: string,
): { readonly field: string; readonly at: SourceRange } | undefined {
  for (let path = field; path !== ''; path = path.slice(0, Math.max(0, path.lastIndexOf('.'), path.lastIndexOf('[')))) {
    const range = positions.get(path);
    if (range === undefined) continue;
    // Most fields are written as what they are, and share their range.
    if (range.writtenAs === undefined) return { field, at: range };
    const { writtenAs, ...at } = range;
    return { field: `${writtenAs}${field.slice(path.length)}`, at };
  }
  return undefined;
}
