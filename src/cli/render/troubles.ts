import type { WorkloadTrouble } from '../../model/status.ts';
import type { Marks } from '../marks.ts';
import { spanInWords } from './span.ts';

/** Whoever a probe calls unhealthy, and why; `now` in milliseconds since 1970. */
export function troubleLines(
  items: readonly { readonly id: string; readonly trouble?: WorkloadTrouble }[],
  marks: Marks,
  now: number,
): readonly string[] {
  const lines = items.flatMap(({ id, trouble }) =>
    trouble === undefined
      ? []
      : [`${marks.bad} ${id}  unhealthy for ${spanInWords(now - Date.parse(trouble.since))}: ${trouble.reason}`],
  );
  return lines.length === 0 ? [] : ['', ...lines];
}

/** Who says of itself what its group says otherwise. */
export function contradictionLines(
  items: readonly { readonly id: string; readonly group?: { readonly contradiction?: string } }[],
  marks: Marks,
): readonly string[] {
  const lines = items.flatMap(({ id, group }) =>
    group?.contradiction === undefined
      ? []
      : [`${marks.warning} ${id}  will be refused when it starts again: ${group.contradiction}`],
  );
  return lines.length === 0 ? [] : ['', ...lines];
}
