import { escapeRegex } from '../model/escape-regex.ts';
import type { TextMatch } from '../model/ir-route.ts';
import { type HeaderMatcher, HeaderMatcherSchema } from '../proto/gen/envoy/config/route/v3/route_components_pb.ts';
import { type RegexMatcher, RegexMatcherSchema } from '../proto/gen/envoy/type/matcher/v3/regex_pb.ts';
import { type StringMatcher, StringMatcherSchema } from '../proto/gen/envoy/type/matcher/v3/string_pb.ts';
import { message } from '../proto/message.ts';

/** An RE2 expression that must match the whole value. */
export function regexMatcher(regex: string): RegexMatcher {
  return message(RegexMatcherSchema, { regex });
}

/**
 * A condition on a text that exists, in what matchers of strings can say: `present` is "not empty" here, and in expressions, to which Envoy
 * does not apply ignore_case, letters of either case are asked for in RE2's words.
 */
export function sayable(match: TextMatch, ignoreCase: boolean): Exclude<TextMatch, { readonly kind: 'present' }> {
  if (match.kind === 'present') return { kind: 'regex', value: '.+' };
  return match.kind === 'regex' && ignoreCase ? { kind: 'regex', value: `(?i:${match.value})` } : match;
}

/** A condition on a text that exists. */
export function stringMatcher(match: TextMatch, ignoreCase = false): StringMatcher {
  const { kind, value } = sayable(match, ignoreCase);
  if (kind === 'regex') return regexString(value);
  return message(StringMatcherSchema, { matchPattern: { case: kind, value }, ignoreCase });
}

function regexString(regex: string): StringMatcher {
  return message(StringMatcherSchema, { matchPattern: { case: 'safeRegex', value: regexMatcher(regex) } });
}

/**
 * A condition on the request's host, whatever its case, the port and the dot of a full name after it (T15): `Host: admin.example.:80` is
 * admin.example. A port that the condition itself names must be that one. Texts are escaped before they become an expression (P42).
 */
export function hostMatcher(match: TextMatch): HeaderMatcher {
  return headerMatcher(':authority', hostForm(match), { ignoreCase: true });
}

/** What hostMatcher asks of the host. */
export function hostForm(match: TextMatch): TextMatch {
  switch (match.kind) {
    case 'exact':
      return { kind: 'regex', value: endOf(match.value) };
    case 'suffix':
      // Any byte, `.` would pass over a host that is no UTF-8.
      return { kind: 'regex', value: `\\C*${endOf(match.value)}` };
    case 'regex':
      return { kind: 'regex', value: `(?:${match.value})${fullName}${anyPort}` };
    case 'prefix':
    case 'present':
      return match;
    default:
      return match satisfies never;
  }
}

/** A colon with nothing after it is a port, too. */
const anyPort = '(?::[0-9]*)?';

/** Applications take `admin.example.` for admin.example, as DNS does. */
const fullName = '\\.?';

function endOf(host: string): string {
  const [, name = host, port] = /^(.*?)(:[0-9]*)?$/s.exec(host) ?? [];
  const end = name.endsWith('.') ? name.slice(0, -1) : name;
  return `${escapeRegex(end)}${fullName}${port ?? anyPort}`;
}

/**
 * A condition of a rule on a header, whatever the blanks around its value: over HTTP/2 Envoy keeps them, which RFC 9113 (8.2.1) forbids, and
 * an application of HTTP/1 drops them, so that `" admin"` is admin to it (T15, decision 65).
 */
export function ruleHeaderMatcher(name: string, match: TextMatch): HeaderMatcher {
  return headerMatcher(name, withBlanks(match));
}

function withBlanks(match: TextMatch): TextMatch {
  switch (match.kind) {
    case 'exact':
      return { kind: 'regex', value: `${blanks}${escapeRegex(match.value)}${blanks}` };
    case 'prefix':
      // Any byte, `.` would pass over a value that is no UTF-8.
      return { kind: 'regex', value: `${blanks}${escapeRegex(match.value)}\\C*` };
    case 'suffix':
      return { kind: 'regex', value: `\\C*${escapeRegex(match.value)}${blanks}` };
    case 'regex':
      return { kind: 'regex', value: `${blanks}(?:${match.value})${blanks}` };
    case 'present':
      return match;
    default:
      return match satisfies never;
  }
}

const blanks = '[ \\t]*';

/**
 * A condition on a header; `present` also holds for an empty one. `absent` inverts it, and then a missing header satisfies it:
 * Envoy alone would let a missing header fail every text condition, inverted or not (P12, withoutHeaders).
 */
export function headerMatcher(
  name: string,
  match: TextMatch,
  { absent = false, ignoreCase = false }: { readonly absent?: boolean; readonly ignoreCase?: boolean } = {},
): HeaderMatcher {
  if (match.kind === 'present') {
    return message(HeaderMatcherSchema, {
      name,
      headerMatchSpecifier: { case: 'presentMatch', value: true },
      invertMatch: absent,
    });
  }
  return message(HeaderMatcherSchema, {
    name,
    headerMatchSpecifier: { case: 'stringMatch', value: stringMatcher(match, ignoreCase) },
    invertMatch: absent,
    treatMissingHeaderAsEmpty: absent,
  });
}
