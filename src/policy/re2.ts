/** P12: the longest regular expression. */
export const longestRegex = 1024;

/**
 * Why Envoy's RE2 would refuse `regex`, or undefined. Looks at the text only: what users write never becomes a RegExp here (T12).
 * Errs on the side of refusing: look-around, back references, atomic groups and possessive quantifiers are Perl's, not RE2's.
 */
export function regexProblem(regex: string): string | undefined {
  if (regex.length > longestRegex) return `at most ${longestRegex} characters`;
  let depth = 0;
  let repeatable = false;
  for (let i = 0; i < regex.length; i++) {
    const rest = regex.slice(i, i + 40);
    const char = regex[i] ?? '';
    if (char === '\\') {
      const escape = escapeProblem(rest);
      if (escape) return escape;
      if (rest.startsWith('\\Q')) return 'no \\Q...\\E, escape each character';
      i += rest.startsWith('\\x{') || /^\\[pP]\{/.test(rest) ? Math.max(rest.indexOf('}'), 1) : 1;
      repeatable = true;
    } else if (char === '[') {
      const end = classEnd(regex, i);
      if (end === -1) return 'a "]" for every "["';
      i = end;
      repeatable = true;
    } else if (char === '(') {
      const group = /^\(\?(?!P<[A-Za-z_]\w*>|<[A-Za-z_]\w*>|[imsU]*(?:-[imsU]+)?[:)])/.exec(rest);
      if (group) return 'no look-around, conditions or atomic groups (RE2 has none)';
      if (/^\(\?[imsU-]+\)/.test(rest)) i += rest.indexOf(')');
      else {
        depth += 1;
        if (rest.startsWith('(?')) i += rest.search(/[:>]/);
      }
      repeatable = false;
    } else if (char === ')') {
      depth -= 1;
      if (depth < 0) return 'a "(" for every ")"';
      repeatable = true;
    } else if (char === '|') {
      repeatable = false;
    } else {
      const quantifier = /^(?:[*+?]|\{(\d+)(?:,(\d*))?\})/.exec(rest);
      if (!quantifier) {
        repeatable = char !== '^';
        continue;
      }
      if (!repeatable) return `something before "${quantifier[0]}" to repeat`;
      if (Number(quantifier[1] ?? 0) > 1000 || Number(quantifier[2] ?? 0) > 1000) return 'at most 1000 repetitions';
      if (quantifier[2] && Number(quantifier[2]) < Number(quantifier[1])) return 'repetitions in rising order';
      i += quantifier[0].length - 1;
      if (regex[i + 1] === '?') i += 1;
      repeatable = false;
    }
  }
  return depth > 0 ? 'a ")" for every "("' : undefined;
}

function escapeProblem(rest: string): string | undefined {
  const next = rest[1];
  if (next === undefined) return 'a character after the last "\\"';
  if (/[1-9]/.test(next) || next === 'k') return 'no back references (RE2 has none)';
  if (next === 'p' || next === 'P')
    return /^\\[pP](?:[A-Z]|\{\^?\w+\})/.test(rest) ? undefined : 'a character class after "\\p"';
  if (next === 'x')
    return /^\\x(?:[0-9A-Fa-f]{2}|\{[0-9A-Fa-f]+\})/.test(rest) ? undefined : 'two hexadecimal digits after "\\x"';
  if (/[A-Za-z]/.test(next) && !/[dDwWsSbBAzafnrtvCQE]/.test(next)) return `no "\\${next}" (RE2 has none)`;
  return undefined;
}

/** The index of the `]` that closes the class opened at `start`, or -1. */
function classEnd(regex: string, start: number): number {
  let i = start + 1;
  if (regex[i] === '^') i += 1;
  if (regex[i] === ']') i += 1;
  for (; i < regex.length; i++) {
    if (regex[i] === '\\') i += 1;
    else if (regex.startsWith('[:', i) && regex.indexOf(':]', i) !== -1) i = regex.indexOf(':]', i) + 1;
    else if (regex[i] === ']') return i;
  }
  return -1;
}
