import type { Description } from '../../model/description.ts';

/** The widest text that the second column waits for: a longer one pushes its own place aside. */
const widest = 88;

/** The lines of `weft describe`: sections with rows, and for each row who says so. */
export function descriptionLines({ subject, sections }: Description): readonly string[] {
  const lengths = sections.flatMap(({ rows }) => rows.map(({ text }) => text.length)).filter((one) => one <= widest);
  const width = Math.max(0, ...lengths) + 2;
  return [
    subject,
    ...sections.flatMap(({ name, rows }) => [
      '',
      name,
      ...rows.map(({ text, by }) =>
        by === undefined ? `  ${text}` : `  ${text.padEnd(width)}${text.length >= width ? '  ' : ''}${by}`,
      ),
    ]),
  ];
}
