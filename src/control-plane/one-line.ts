/** Envoy's words for a log, a table and a line of a terminal: it breaks lines within them, and ends with a break. */
export function oneLine(text: string): string {
  return text.trim().replace(/\s*[\r\n]+\s*/g, ' ');
}
