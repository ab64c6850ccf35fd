// `table.mjs FOLDER STEP...` prints what each request was answered at each step, from FOLDER/STEP.answers: lines `REQUEST: CODE WORDS`.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const [folder, ...steps] = process.argv.slice(2);
const rows = new Map();
for (const step of steps) {
  for (const line of readFileSync(join(folder, `${step}.answers`), 'utf8')
    .trim()
    .split('\n')) {
    const [, request, code] = /^(.*?): (\S+)/.exec(line);
    rows.set(request, [...(rows.get(request) ?? []), code]);
  }
}
const widest = Math.max(...[...rows.keys()].map((request) => request.length));
for (const [request, cells] of [['', steps], ...rows])
  console.log(
    [request.padEnd(widest), ...cells.map((cell, column) => cell.padEnd(steps[column].length))].join('  ').trimEnd(),
  );
