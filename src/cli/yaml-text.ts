/**
 * Plain values as YAML in block style; texts are quoted wherever a reader could take them for something else. Written by hand because
 * the entry file loads nothing heavy; ends with a line feed.
 */
export function yamlText(value: unknown): string {
  return `${block(value, '').trimStart()}\n`;
}

function block(value: unknown, indent: string): string {
  if (Array.isArray(value)) {
    if (value.length === 0) return ' []';
    return `\n${value.map((item) => `${indent}- ${block(item, `${indent}  `).trimStart()}`).join('\n')}`;
  }
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
    if (entries.length === 0) return ' {}';
    return `\n${entries.map(([key, inner]) => `${indent}${word(key)}:${block(inner, `${indent}  `)}`).join('\n')}`;
  }
  return ` ${typeof value === 'string' ? word(value) : JSON.stringify(value ?? null)}`;
}

/** Bare only when no reader of YAML 1.1 or 1.2 could see a number, a date, a boolean or syntax in it. */
function word(text: string): string {
  const bare = /^[A-Za-z][A-Za-z0-9_./-]*$/.test(text) && !/^(true|false|yes|no|on|off|null|y|n)$/i.test(text);
  return bare ? text : JSON.stringify(text);
}
