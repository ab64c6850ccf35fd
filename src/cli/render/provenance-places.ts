import type { ProvenanceItem } from '../../admin/policy-windows.ts';

/** Where things of a proxy's configuration come from, in the revision that it holds. */
export interface ProvenancePlaces {
  /** The line of a route by its name; undefined for one that no policy made. */
  readonly ofRoute: (name: string) => string | undefined;
  /** The lines that decided something in a resource, file by file: `policies/reviews-dr.yaml:6,8`; `-` where defaults alone did. */
  readonly ofResource: (name: string) => string;
  /** The same by field: `timeout policies/reviews.yaml:12`. */
  readonly fieldsOf: (name: string) => string;
}

/** Of nothing that is known: a dump from a file says no lines. */
export const noPlaces: ProvenancePlaces = { ofRoute: () => undefined, ofResource: () => '-', fieldsOf: () => '-' };

export function provenancePlaces(items: readonly ProvenanceItem[]): ProvenancePlaces {
  const routes = new Map(items.flatMap((item) => (item.field === 'route' ? [[item.part ?? item.resource, item]] : [])));
  const byResource = new Map<string, ProvenanceItem[]>();
  for (const item of items) byResource.set(item.resource, [...(byResource.get(item.resource) ?? []), item]);
  return {
    ofRoute(name) {
      const item = routes.get(name);
      return item && placeText(item);
    },
    ofResource: (name) => linesOf(byResource.get(name) ?? []) || '-',
    fieldsOf: (name) =>
      [...new Set((byResource.get(name) ?? []).map((item) => `${item.field} ${placeText(item)}`))].join(', ') || '-',
  };
}

/** Its line, with what became of the object since; of one that nobody knows any more, its name. */
function placeText({ ref, file, line, now }: ProvenanceItem): string {
  if (file === undefined) return ref;
  return `${file}:${line}${now === 'changed' || now === 'removed' ? ` (${now} since)` : ''}`;
}

function linesOf(items: readonly ProvenanceItem[]): string {
  const byFile = new Map<string, Set<number>>();
  for (const { file, line } of items)
    if (file !== undefined && line !== undefined) byFile.set(file, (byFile.get(file) ?? new Set()).add(line));
  return [...byFile].map(([file, lines]) => `${file}:${[...lines].sort((a, b) => a - b).join(',')}`).join(' ');
}
