import type { ConfigDump } from '../admin/admin-source.ts';
import type { ProvenanceItem } from '../admin/policy-windows.ts';
import type { FieldContext } from '../model/provenance-fields.ts';
import { destinationOfCluster } from '../translate/names.ts';
import { weftMetadataKey } from '../translate/provenance-metadata.ts';
import type { RevisionPlace } from './revision-table.ts';

/** `VirtualService/shop/reviews`, perhaps with the rule: `[canary]`, `[0]` (section 4.2 of experience.md). */
const reference = /^([A-Z][A-Za-z]+\/[^/[\]]+\/[^/[\]]+)(?:\[(.*)\])?$/;

/** The parts of a reference; undefined for a text that is none. */
export function referenceOf(text: string): { readonly ref: string; readonly rule: string | undefined } | undefined {
  const [, ref, rule] = reference.exec(text) ?? [];
  return ref === undefined ? undefined : { ref, rule };
}

/**
 * Every field that a policy decided in what a proxy holds, with the line that says so. `place` finds lines in the revision that it holds.
 */
export function provenanceReport(
  dump: ConfigDump,
  place: (ref: string, field: string, context: FieldContext) => RevisionPlace | undefined,
): readonly ProvenanceItem[] {
  const items: ProvenanceItem[] = [];
  const found = (resource: string, part: string | undefined, of: FieldContext, fields: object): void => {
    for (const [field, value] of Object.entries(fields))
      for (const text of [value].flat()) {
        const named = typeof text === 'string' ? referenceOf(text) : undefined;
        if (named === undefined) continue;
        const context = { ...of, rule: named.rule };
        const at = place(named.ref, field, context);
        items.push({
          resource,
          ...(part === undefined || part === resource ? {} : { part }),
          field,
          ref: String(text),
          ...(at === undefined ? {} : shown(at)),
        });
      }
  };
  const walk = (value: unknown, resource: string, part: string | undefined, around: FieldContext): void => {
    if (typeof value !== 'object' || value === null) return;
    if (Array.isArray(value)) {
      for (const item of value) walk(item, resource, part, around);
      return;
    }
    const members = new Map<string, unknown>(Object.entries(value));
    const name = textOf(members.get('name'));
    // The first name from outside is the resource's.
    const [of, within] = resource === '' ? [name ?? '', undefined] : [resource, name ?? part];
    // A virtual host behind HTTP_PROXY is called as the service's port is.
    const context = { ...around, ...(name === undefined ? {} : contextOf(name)) };
    const fields = member(member(member(value, 'metadata'), 'filter_metadata'), weftMetadataKey);
    if (typeof fields === 'object' && fields !== null) found(of, within, context, fields);
    // What was refused is not held.
    for (const [key, inner] of members)
      if (key !== 'metadata' && key !== 'error_state') walk(inner, of, within, context);
  };
  for (const config of dump.configs)
    for (const entries of Object.values(config))
      if (Array.isArray(entries)) for (const one of entries) walk(one, '', undefined, {});
  return items;
}

/** What a resource's name says of the fields in it. */
export function contextOf(resource: string): FieldContext {
  const destination = destinationOfCluster(resource.slice(resource.lastIndexOf('/') + 1));
  if (destination !== undefined) return { port: destination.port, subset: destination.subset };
  const [, inbound] = /^in_(\d+)$/.exec(resource) ?? [];
  return inbound === undefined ? {} : { port: Number(inbound) };
}

function shown({ field, at, commit, now }: RevisionPlace) {
  return { path: field, file: at.file, line: at.line, column: at.column, commit, now };
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? new Map(Object.entries(value)).get(name) : undefined;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
