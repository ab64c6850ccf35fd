/**
 * The form in which names are compared (X84): those of the `xdstp:` scheme are equal whatever the order of their context
 * parameters, so these are sorted. Every other name stands for itself.
 */
export function canonicalName(name: string): string {
  if (!name.startsWith('xdstp:')) return name;
  const query = name.indexOf('?');
  if (query < 0) return name;
  const directive = name.indexOf('#', query);
  const parameters = name.slice(query + 1, directive < 0 ? undefined : directive);
  const sorted = parameters.split('&').sort().join('&');
  return `${name.slice(0, query + 1)}${sorted}${directive < 0 ? '' : name.slice(directive)}`;
}
