import type { CheckLine } from '../model/check-answer.ts';
import type { DescriptionRow } from '../model/description.ts';
import type { Policy } from '../model/policy.ts';
import { refText } from '../model/provenance.ts';
import { roundSpan, rowOf } from './describe-words.ts';
import { type FailingKeys, type FetchedKeys, keysText } from './key-desk.ts';
import { placeOf } from './route-answer.ts';

/** A call to a workload that cannot have the keys of tokens: whoever brings one of that issuer gets 401. */
export function failingKeysLine(workload: string, keys: FailingKeys, now: number): CheckLine {
  const [first] = keys.among;
  return {
    name: 'tokens',
    result: 'bad',
    text: `${workload} cannot fetch ${keysText(keys.among)}: a token of that issuer gets 401`,
    detail: failuresText(keys, now),
    ...(first && { by: placeOf(first.by), fix: fixOf(workload, first) }),
  };
}

/** The same in a description of the workload, or of the object whose rule it is. */
export function failingKeysRows(
  workload: string,
  keys: FailingKeys | undefined,
  now: number,
  of?: Policy,
): readonly DescriptionRow[] {
  const among = keys?.among.filter(({ by }) => of === undefined || refText(by.object) === refText(of)) ?? [];
  const [first] = among;
  if (keys === undefined || first === undefined) return [];
  const text = `${workload} cannot fetch ${keysText(keys.among)}, ${failuresText(keys, now)}: a token of that issuer gets 401`;
  return [rowOf(text, first.by), rowOf(`fix: ${fixOf(workload, first)}`)];
}

function failuresText({ failures, since, last }: FailingKeys, now: number): string {
  const count = `${failures} ${failures === 1 ? 'fetch' : 'fetches'} failed`;
  const ago = now - last < 1_000 ? 'just now' : `${roundSpan(now - last)} ago`;
  return since === last ? `${count} ${ago}` : `${count} since ${roundSpan(now - since)}, the last ${ago}`;
}

function fixOf(workload: string, { uri, keysFrom }: FetchedKeys): string {
  const wanted = `${uri} must answer 200 with a JSON Web Key Set`;
  if (keysFrom === undefined) return `no service has that host: write one, or another jwksUri`;
  if (keysFrom.kind === 'outside')
    return `${wanted}, over TLS of a certificate for ${keysFrom.host} that the roots of the system vouch for`;
  const { name, namespace } = keysFrom.ref;
  return `${wanted}; weft check --from ${workload} --to ${name}.${namespace} says whether it may be called`;
}
