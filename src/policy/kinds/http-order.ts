import type { HttpMatch, HttpRule } from '../../model/virtual-service.ts';
import type { LowerContext } from '../kind-definition.ts';
import { repeatHint } from './common.ts';
import { isUnconditional, matchCovers, sameMatch } from './match-cover.ts';

/** P11: rules that earlier ones leave nothing (WEFT0130), matches that others repeat or take (WEFT0131), and no last rule (WEFT0139). */
export function checkOrder(http: readonly HttpRule[], context: LowerContext): void {
  // A rule that does nothing is an error of its own, which says nothing of the others.
  const catchAll = http.findIndex((rule) => acts(rule) && matchesAll(rule));
  if (!http.some(matchesAll) && http.length > 0) {
    context.report(
      'WEFT0139',
      'spec.http',
      'no rule matches every request; others get 404',
      'add a last rule without match',
    );
  }
  const before: Placed[] = [];
  http.forEach((rule, index) => {
    const field = `spec.http[${index}]`;
    if (catchAll === -1 || index <= catchAll) {
      checkMatches(rule, index, before, context);
      return;
    }
    if (!acts(rule)) return;
    const first = `spec.http[${catchAll}]`;
    const instead = matchesAll(rule) ? 'remove it, or give it a match' : undefined;
    reportUnreached(field, first, `${first} matches every request`, 'matches every request', instead, context);
  });
}

/** A match, and where it stands. */
interface Placed {
  readonly match: HttpMatch;
  readonly field: string;
}

/** `before`: the matches of the rules before that act; those of this rule are added. */
function checkMatches(rule: HttpRule, index: number, before: Placed[], context: LowerContext): void {
  const field = `spec.http[${index}]`;
  const own = rule.match.map((match, at): Placed => ({ match, field: `${field}.match[${at}]` }));
  const taken = own.map(({ match }) => before.find((earlier) => matchCovers(earlier.match, match)));
  const [first] = taken;
  if (acts(rule) && first !== undefined && taken.every((one) => one !== undefined)) {
    const isRepeat = own.every(({ match }, at) => sameMatch(match, taken[at]?.match));
    const by = own.length === 1 ? `${first.field} takes` : 'earlier rules take';
    const instead = isRepeat ? 'remove the whole rule, or give it another match' : undefined;
    reportUnreached(field, first.field, `${by} all that it matches`, 'taken here', instead, context);
  } else {
    own.forEach(({ match, field: at }, position) => {
      const twin = own.slice(0, position).find((other) => sameMatch(other.match, match));
      const earlier = taken[position] ?? twin;
      if (earlier === undefined) return;
      const message = sameMatch(earlier.match, match)
        ? `match repeats ${earlier.field}`
        : `match is never reached: ${earlier.field} takes all of it`;
      const related = [{ file: context.file, line: context.lineOf(earlier.field), message: 'first here' }];
      context.report('WEFT0131', at, message, repeatHint(own.length), { related });
    });
  }
  if (acts(rule)) before.push(...own);
}

/** `instead`: what to do where moving the rule would not help. */
function reportUnreached(
  field: string,
  earlier: string,
  why: string,
  there: string,
  instead: string | undefined,
  context: LowerContext,
): void {
  const line = context.lineOf(earlier);
  const [rule = earlier] = earlier.split('.match');
  const hint = instead ?? `move it before ${rule} at ${context.file}:${line}`;
  const related = [{ file: context.file, line, message: there }];
  context.report('WEFT0130', field, `${field} is never reached: ${why}`, hint, { related });
}

function acts({ route, redirect, directResponse }: HttpRule): boolean {
  return route.length > 0 || redirect !== undefined || directResponse !== undefined;
}

function matchesAll(rule: HttpRule): boolean {
  return rule.match.length === 0 || rule.match.some(isUnconditional);
}
