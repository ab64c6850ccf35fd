const key = /^(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?\/)?[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;
const value = /^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$/;

/** True for a label's name as Kubernetes allows it: `tier`, `example.org/tier`. */
export function isLabelKey(text: string): boolean {
  return key.test(text);
}

/** True for a label's value: letters, digits, `-`, `_` and `.`, at most 63; it may be empty. */
export function isLabelValue(text: string): boolean {
  return value.test(text);
}
