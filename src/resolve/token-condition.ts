import type { Condition } from '../model/ir-inbound.ts';
import type { TextMatch } from '../model/ir-route.ts';
import { all } from './condition.ts';
import { textForm } from './text-form.ts';

/**
 * P44: `<issuer>/<subject>` of a verified token, in the forms of P42. Issuers are URLs, so the written value is cut at its last `/`, and each
 * part is compared apart: a subject that holds a slash is met by stars alone. Who has no token has no such principal.
 */
export function requestPrincipalCondition(value: string): Condition {
  const slash = value.lastIndexOf('/');
  const [issuer, subject] = slash === -1 ? ['', ''] : [value.slice(0, slash), value.slice(slash + 1)];
  if (value === '*') return principal(present, present);
  if (value.startsWith('*'))
    return slash === -1
      ? principal(present, { kind: 'suffix', value: value.slice(1) })
      : principal(ending(issuer.slice(1)), { kind: 'exact', value: subject });
  if (value.endsWith('*'))
    return slash === -1
      ? principal({ kind: 'prefix', value: value.slice(0, -1) }, present)
      : principal({ kind: 'exact', value: issuer }, beginning(subject.slice(0, -1)));
  return principal({ kind: 'exact', value: issuer }, { kind: 'exact', value: subject });
}

/** What `request.auth.…` of `when[].key` looks at: keys of the claims from the outside in; undefined for other keys and `principal`. */
export function claimPath(key: string): readonly string[] | undefined {
  if (key === 'request.auth.audiences') return ['aud'];
  if (key === 'request.auth.presenter') return ['azp'];
  const brackets = /^request\.auth\.claims((?:\[[^[\]]+\])+)$/.exec(key)?.[1];
  return brackets?.slice(1, -1).split('][');
}

export const requestPrincipalKey = 'request.auth.principal';

/** P42: a star alone wants a claim that is not empty. */
export function claimCondition(path: readonly string[], value: string): Condition {
  return { kind: 'claim', path, match: textForm(value, 'present') };
}

/** Of a claim it is more than to be there: it is not empty. */
const present: TextMatch = { kind: 'present' };

function ending(text: string): TextMatch {
  return text === '' ? present : { kind: 'suffix', value: text };
}

function beginning(text: string): TextMatch {
  return text === '' ? present : { kind: 'prefix', value: text };
}

function principal(issuer: TextMatch, subject: TextMatch): Condition {
  return all([
    { kind: 'claim', path: ['iss'], match: issuer },
    { kind: 'claim', path: ['sub'], match: subject },
  ]);
}
