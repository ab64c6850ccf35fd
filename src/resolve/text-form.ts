import { escapeRegex } from '../model/escape-regex.ts';
import type { TextMatch } from '../model/ir-route.ts';

/**
 * The text forms of P42: exact, `abc*`, `*abc`, `*`; a star elsewhere is a star. `star` says what `*` alone asks for: a value that is
 * there and not empty (paths, principals, SNI), or only that it is there (headers, hosts, methods).
 */
export function textForm(text: string, star: 'not-empty' | 'present'): TextMatch {
  if (text === '*') return star === 'present' ? { kind: 'present' } : { kind: 'regex', value: '.+' };
  if (text.startsWith('*')) return { kind: 'suffix', value: text.slice(1) };
  if (text.endsWith('*')) return { kind: 'prefix', value: text.slice(0, -1) };
  return { kind: 'exact', value: text };
}

/**
 * A path in the forms of P42, templates included: `{*}` is one segment, `{**}` whatever stands there. As expressions: Envoy's own templates
 * never match a segment with brackets, so that a DENY rule would be walked around by `/b/[x]`, and it ends at those that it cannot read.
 */
export function pathForm(text: string): TextMatch {
  if (!/[{}]/.test(text)) return textForm(text, 'not-empty');
  const parts = text.split('/').map((part) => templates[part] ?? escapeRegex(part));
  return { kind: 'regex', value: parts.join('/') };
}

const templates: Readonly<Record<string, string>> = { '{*}': '[^/]+', '{**}': '.*' };

/** Text in which every star stands for any characters but slashes, as RE2. */
export function starsToRegex(text: string): string {
  return text.split('*').map(escapeRegex).join('[^/]*');
}
