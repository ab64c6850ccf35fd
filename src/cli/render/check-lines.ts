import type { CheckLine } from '../../model/check-answer.ts';
import { marks } from '../marks.ts';
import { answerPlaceText } from './answer-place.ts';

/** One line for each thing looked at, and beneath a bad one what to do. */
export function checkLines(lines: readonly CheckLine[], env: NodeJS.ProcessEnv): readonly string[] {
  const sign = marks(env);
  const rows = lines.map((line) => ({ line, text: `${sign[line.result]} ${line.name.padEnd(8)} ${line.text}` }));
  const width = Math.min(88, Math.max(...rows.map(({ text }) => text.length)));
  return rows.flatMap(({ line: { detail, by, fix }, text }) => {
    const more = [...(detail === undefined ? [] : [detail]), ...(by === undefined ? [] : [answerPlaceText(by)])];
    return [
      more.length === 0 ? text : `${text.padEnd(width)}  ${more.join('   ')}`,
      ...(fix === undefined ? [] : [`    fix    ${fix}`]),
    ];
  });
}
