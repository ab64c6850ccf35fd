import { performance } from 'node:perf_hooks';
import type { EdgeRow } from '../../model/traffic.ts';
import type { Marks } from '../marks.ts';
import type { Output } from '../output.ts';
import { edgeColumns } from '../render/edges.ts';
import { printTable } from '../table.ts';

/** What the demo tells, once each: a line for people, or a DemoEvent line with `-o json` (section 2.2 of experience.md). */
export interface Narrator {
  /** A heading of several lines. */
  heading(text: string): void;
  /** `√ envoy  1.40.0 …`: one thing that was done or failed, and how long it took. */
  step(step: string, text: string, ok?: boolean, more?: object): void;
  /** A line of what a key did: `plan`, `applied`, `effect` … */
  event(step: string, event: string, text: string, ok?: boolean, more?: object): void;
  /** The table of calls; on a terminal it is drawn over the last one as long as nothing else was said. */
  table(rows: readonly EdgeRow[], note: (row: EdgeRow) => string, live: boolean): void;
  line(text: string): void;
}

/** `columns`: of the terminal that stdout is; undefined elsewhere. Milliseconds in events count from the start. */
export function createNarrator(output: Output, marks: Marks, isTerminal: boolean): Narrator {
  const started = performance.now();
  const isText = output.format === 'table';
  let drawn = 0;
  const tell = (step: string, event: string, ok: boolean, text: string, more: object = {}) => {
    drawn = 0;
    const ms = Math.round(performance.now() - started);
    output.event('DemoEvent', { step, event, ms, ok, text: text.trim(), ...more }, undefined);
  };
  const line = (text: string) => {
    drawn = 0;
    if (isText) output.line(text);
  };
  return {
    heading: (text) => line(`  ${text}`),
    step(step, text, ok = true, more = {}) {
      tell(step, ok ? 'done' : 'failed', ok, text, more);
      line(`  ${ok ? marks.good : marks.bad} ${step.padEnd(19)} ${text}`);
    },
    event(step, event, text, ok = true, more = {}) {
      tell(step, event, ok, text, more);
      line(`    ${ok ? event.padEnd(8) : `${marks.bad} ${event}`.padEnd(8)} ${text}`);
    },
    table(rows, note, live) {
      if (!isText || rows.length === 0) return;
      const columns = edgeColumns(marks).filter(({ wide }) => wide !== true);
      const cells = rows.map((row) => columns.map(({ title, of }) => (title === '' ? note(row) : of(row))));
      const text = printTable(
        columns.map(({ title }) => title),
        cells,
      );
      const lines = text.trimEnd().split('\n');
      // Up over the last table: only a terminal understands it, and only if nothing was printed in between.
      if (isTerminal && live && drawn > 0) process.stdout.write(`\u001b[${drawn}A\u001b[0J`);
      else if (drawn === 0) output.line('');
      for (const row of lines) output.line(`  ${row}`);
      drawn = isTerminal && live ? lines.length : 0;
    },
    line,
  };
}
