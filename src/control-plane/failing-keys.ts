import type { CheckLine } from '../model/check-answer.ts';
import type { DescriptionRow } from '../model/description.ts';
import type { Policy } from '../model/policy.ts';
import { refText } from '../model/provenance.ts';
import { failuresText, rowOf } from './describe-words.ts';
import { type FetchedKeys, keysText } from './fetched-keys.ts';
import type { Unanswered } from './question-desk.ts';
import { placeOf } from './route-answer.ts';

const fetches = ['fetch', 'fetches'] as const;

/** A call to a workload that cannot have the keys of tokens: whoever brings one of that issuer gets 401. */
export function failingKeysLine(workload: string, keys: Unanswered<FetchedKeys>, now: number): CheckLine {
  const [first] = keys.among;
  return {
    name: 'tokens',
    result: 'bad',
    text: `${workload} cannot fetch ${keysText(keys.among)}: a token of that issuer gets 401`,
    detail: failuresText(keys, fetches, now),
    ...(first && { by: placeOf(first.by), fix: fixOf(workload, first) }),
  };
}

/** The same in a description of the workload, or of the object whose rule it is. */
export function failingKeysRows(
  workload: string,
  keys: Unanswered<FetchedKeys> | undefined,
  now: number,
  of?: Policy,
): readonly DescriptionRow[] {
  const among = keys?.among.filter(({ by }) => of === undefined || refText(by.object) === refText(of)) ?? [];
  const [first] = among;
  if (keys === undefined || first === undefined) return [];
  const text = `${workload} cannot fetch ${keysText(keys.among)}, ${failuresText(keys, fetches, now)}: a token of that issuer gets 401`;
  return [rowOf(text, first.by), rowOf(`fix: ${fixOf(workload, first)}`)];
}

function fixOf(workload: string, { uri, keysFrom }: FetchedKeys): string {
  const wanted = `${uri} must answer 200 with a JSON Web Key Set`;
  if (keysFrom === undefined) return `no service has that host: write one, or another jwksUri`;
  if (keysFrom.kind === 'outside')
    return `${wanted}, over TLS of a certificate for ${keysFrom.host} that the roots of the system vouch for`;
  const { name, namespace } = keysFrom.ref;
  return `${wanted}; weft check --from ${workload} --to ${name}.${namespace} says whether it may be called`;
}
