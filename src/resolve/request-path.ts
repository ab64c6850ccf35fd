import type { PathNormalization } from '../model/ir-mesh.ts';

/**
 * The path and query that routes see of what a request line says (P47), as Envoy 1.40 makes it; undefined where it answers 400 itself.
 * `written` begins with a slash and is what an HTTP client may send: ASCII without blanks.
 */
export function routedPath(written: string, normalization: PathNormalization): string | undefined {
  if (!written.startsWith('/') || !/^[\x21-\x7e]*$/.test(written) || written.includes('#')) return undefined;
  const { path, query } = splitQuery(written);
  if (normalization === 'none') return written;
  const whole = normalization === 'dots-and-encoded-slashes' ? withoutEncodedSlashes(path) : path;
  if (/%00/.test(whole)) return undefined;
  const plain = withoutDots(whole.replaceAll('\\', '/'));
  return `${normalization === 'dots' ? plain : withoutEmptySegments(plain)}${query}`;
}

/** A path as routes compare it, and the query after it, with its question mark. */
export function splitQuery(whole: string): { readonly path: string; readonly query: string } {
  const mark = whole.indexOf('?');
  return mark < 0 ? { path: whole, query: '' } : { path: whole.slice(0, mark), query: whole.slice(mark) };
}

function withoutEncodedSlashes(path: string): string {
  return path.replace(/%2f/gi, '/').replace(/%5c/gi, '\\');
}

/** `.` and `..`, encoded or not, are walked; a parameter after plain ones goes with them. What is encoded needlessly is decoded. */
function withoutDots(path: string): string {
  const kept: string[] = [];
  const segments = path.split('/').slice(1);
  segments.forEach((segment, index) => {
    const isLast = index === segments.length - 1;
    if (/^(?:\.|%2e)$|^\.;/i.test(segment)) {
      if (isLast) kept.push('');
    } else if (/^(?:\.|%2e){2}$|^\.\.;/i.test(segment)) {
      kept.pop();
      if (isLast) kept.push('');
    } else kept.push(encoded(segment));
  });
  return `/${kept.join('/')}`;
}

/** Letters, digits and `-._~` stand as they are, some marks only encoded; any other escape stays as it was written. */
function encoded(segment: string): string {
  return segment
    .replace(/%([0-9a-f]{2})/gi, (escape, hex: string) => {
      const char = String.fromCharCode(Number.parseInt(hex, 16));
      return /[\w.~-]/.test(char) ? char : escape;
    })
    .replace(/["<>^`{|}]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** Envoy keeps a slash at both ends even where nothing stands between them. */
function withoutEmptySegments(path: string): string {
  if (!path.includes('//')) return path;
  const segments = path.split('/').filter((segment) => segment !== '');
  return `/${segments.join('/')}${path.endsWith('/') ? '/' : ''}`;
}
