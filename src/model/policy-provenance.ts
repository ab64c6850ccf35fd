import type { Policy } from './policy.ts';
import type { ObjectRef, Provenance } from './provenance.ts';

/** The object's reference. */
export function refOf(object: Pick<Policy, 'kind' | 'namespace' | 'name'>): ObjectRef {
  return { kind: object.kind, namespace: object.namespace, name: object.name };
}

/** Where a field of an object stands in the text: its own place, else that of the nearest parent that was written. */
export function provenance(object: Policy, field: string): Provenance {
  let path = field;
  for (;;) {
    const at = object.positions.get(path);
    if (at) return { object: refOf(object), field, at, commit: object.commit };
    const cut = Math.max(path.lastIndexOf('.'), path.lastIndexOf('['));
    if (cut <= 0) return { object: refOf(object), field, at: object.at, commit: object.commit };
    path = path.slice(0, cut);
  }
}
