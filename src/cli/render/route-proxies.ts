import { routeText } from '../../control-plane/describe-words.ts';
import type { DescriptionRow } from '../../model/description.ts';
import type { AnswerProxies, AnswerProxy } from '../../model/route-answer.ts';
import type { Marks } from '../marks.ts';

/** So many proxies are named; the JSON form has all. */
const named = 5;

/** The mark of an answer: bad where all of the caller's proxies refused what it rests on, a warning where one does not hold it. */
export function proxiesMark(proxies: AnswerProxies | undefined, { good, warning, bad }: Marks): string {
  if (proxies === undefined || proxies.otherwise.length === 0) return good;
  const refusing = new Set(proxies.otherwise.filter(({ state }) => state === 'refused').map(({ proxy }) => proxy));
  return refusing.size === proxies.connected ? bad : warning;
}

/** What the caller's proxies hold instead, one row for each resource and form, and one for what becomes of the call there. */
export function proxyRows(proxies: AnswerProxies | undefined, sign: Marks): readonly DescriptionRow[] {
  const groups = new Map<string, AnswerProxy[]>();
  for (const one of proxies?.otherwise ?? []) {
    const { proxy: _, ...rest } = one;
    const key = JSON.stringify(rest);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [one]);
    else group.push(one);
  }
  return [...groups.values()].flatMap((group) => groupRows(group, sign));
}

function groupRows(group: readonly AnswerProxy[], sign: Marks): readonly DescriptionRow[] {
  const [first] = group;
  if (first === undefined) return [];
  const { state, type, resource, refusal } = first;
  const names = group.slice(0, named).map(({ proxy }) => proxy);
  const who = [...names, ...(group.length > named ? [`${group.length - named} more`] : [])].join(', ');
  const what = [type, resource].filter((part) => part !== undefined).join(' ');
  switch (state) {
    case 'refused': {
      const { source, by, message } = refusal ?? {};
      const text = `${sign.bad} ${what}: ${by} refused it: ${message}`;
      return [source === undefined ? { text } : { text, by: `${source.file}:${source.line}` }, heldRow(first, who)];
    }
    case 'waiting':
      return [{ text: `${sign.warning} ${what}: not sent yet to ${who}` }, heldRow(first, who)];
    case 'unanswered':
      return [{ text: `${sign.warning} ${what}: sent, not answered for long, so nobody knows what they hold: ${who}` }];
    case 'behind':
      return [{ text: `${sign.warning} the configuration of this commit is still being made for ${who}` }];
    default:
      return state satisfies never;
  }
}

function heldRow({ held, instead }: AnswerProxy, who: string): DescriptionRow {
  if (held === undefined) return { text: `    ${who}: nothing of that name` };
  if (instead === undefined) return { text: `    ${who}: an older form` };
  const { commit, outcome, status, route, by } = instead;
  const text = `    ${who}: as of ${commit.slice(0, 8)}, ${routeText(route ?? outcome)}${status === undefined ? '' : ` with ${status}`}`;
  if (by === undefined) return { text };
  return { text, by: 'default' in by ? `default:${by.default}` : `${by.file}:${by.line}` };
}
