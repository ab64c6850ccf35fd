/**
 * A field path as Diagnostics, provenance and the positions of an object write it: `spec.http[0].match[1].headers.x-user`. Keys that
 * are more than letters, digits, `_` and `-` stand in brackets: `metadata.labels["app.kubernetes.io/name"]`.
 */
export function fieldPath(parent: string, key: string | number): string {
  if (typeof key === 'number') return `${parent}[${key}]`;
  if (!/^[\w-]+$/.test(key)) return `${parent}[${JSON.stringify(key)}]`;
  return parent === '' ? key : `${parent}.${key}`;
}
