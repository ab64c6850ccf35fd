// What the sources of tests say of themselves, read without running them: titles, the numbers of rules in them, and tests that do not run.

/** A title: the first argument of a test, a suite or one of the wrappers around them; a function or options follow. */
const title =
  /(?<!\b(?:eventually|promise|expect|Error))\(\s*(['"`])((?:\\.|(?!\1)[^\\])*)\1,\s*(?:\(|\{|async\b|function\b|\w+ =>|[a-z]\w*\)?,?\s)/g;
const number = /\b(?:X|INV|M|T|F|P)\d+\b|section 5 point \d/g;

/** A test that is left out, or that leaves out the others; one that must fail proves nothing either. */
const idle =
  /\b(?:test|it|describe|suite)(?:\.\w+)*\.(?:skip|skipIf|runIf|todo|only|fails)\b|\bx(?:it|test|describe)\s*\(|\b(?:context|ctx|task)\.skip\(|\b(?:skip|todo|only|fails): *true\b/;

/** `INV1 to INV4` names all four. */
function spelledOut(text) {
  return text.replaceAll(/\b(X|INV|M)(\d+) to \1(\d+)\b/g, (_, kind, from, to) =>
    Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => `${kind}${Number(from) + index}`).join(' '),
  );
}

/** The numbers of rules and promises in a text, each once. */
export function numbersIn(text) {
  return [...new Set(spelledOut(text).match(number) ?? [])];
}

/** The titles of a source that carry numbers: `[{ title, numbers }]`. */
export function titlesOf(source) {
  return [...source.matchAll(title)]
    .map((match) => match[2].replaceAll(/\\(['"`])/g, '$1'))
    .map((text) => ({ title: text, numbers: numbersIn(text) }))
    .filter(({ numbers }) => numbers.length > 0);
}

/** The lines with tests that do not run whenever their file does: `[{ line, text }]`. */
export function idleTests(source) {
  return source
    .split('\n')
    .map((text, index) => ({ line: index + 1, text: text.trim() }))
    .filter(({ text }) => idle.test(text));
}
