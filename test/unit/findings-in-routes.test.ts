import { it } from 'vitest';
import { type Example, expectFinding, head, to, vs } from '../support/finding-example.ts';

/* Values of routes, and what they contradict. */

const examples: readonly Example[] = [
  {
    name: 'a field at the wrong place',
    code: 'WEFT0002',
    yaml: vs('  - route:\n    - destination: { host: reviews, ‹weight›: 90 }\n'),
    message: 'unknown field "weight"',
    hint: '"weight" belongs under spec.http[].route[]',
  },
  {
    name: 'nothing where a list belongs',
    code: 'WEFT0002',
    yaml: `${head('VirtualService')}spec:\n  hosts: [a]\n  ‹http›:\n`,
    message: 'expected a list, got nothing',
    hint: 'remove the key',
  },
  {
    name: 'a required field',
    code: 'WEFT0002',
    yaml: `${head('VirtualService')}‹spec›:\n  hosts: [a]\n`,
    message: 'expected "http", "tls" or "tcp", which is required',
    hint: 'add http',
  },
  {
    name: 'a zero timeout (P16)',
    code: 'WEFT0002',
    yaml: vs(`  - ${to}\n    timeout: ‹0s›\n`),
    message: 'expected at least 1ms, got "0s"',
    hint: 'write at least 1ms',
  },
  {
    name: 'a duration without unit',
    code: 'WEFT0002',
    yaml: vs(`  - ${to}\n    timeout: ‹5›\n`),
    message: 'expected a duration',
    hint: 'write 5s for seconds',
  },
  {
    name: 'a duration longer than Envoy counts',
    code: 'WEFT0002',
    yaml: vs(`  - ${to}\n    timeout: ‹9999999h›\n`),
    message: 'expected at most 2562047h, got "9999999h"',
    hint: 'write at most 2562047h',
    field: 'spec.http[0].timeout',
  },
  {
    name: 'a negative duration',
    code: 'WEFT0002',
    yaml: vs(`  - ${to}\n    retries: { attempts: 1, perTryTimeout: ‹-1s› }\n`),
    message: 'expected a duration such as 1.5s or 100ms, in whole milliseconds, got "-1s"',
    hint: 'write a duration',
  },
  {
    name: 'half a millisecond',
    code: 'WEFT0002',
    yaml: vs(`  - ${to}\n    fault: { delay: { fixedDelay: ‹500us›, percentage: { value: 1 } } }\n`),
    message: 'in whole milliseconds, got "500us"',
    hint: 'whole milliseconds',
  },
  {
    name: 'two alternatives for a header',
    code: 'WEFT0002',
    yaml: vs(`  - ${to}\n    headers: { request: { set: { x-a: ‹"%REQ(a?b?c)%"› } } }\n`),
    message: 'expected %REQ(x-name)%, %REQ(x-name?x-other)% with one alternative, or %REQ(x-name):20%',
    hint: 'write %REQ(x-name)%',
    field: 'spec.http[0].headers.request.set.x-a',
  },
  {
    name: 'a time with a line break',
    code: 'WEFT0002',
    yaml: vs(`  - ${to}\n    headers: { response: { add: { x-a: ‹"at %START_TIME(%s%n)%"› } } }\n`),
    message: 'expected %START_TIME% or %START_TIME(%s)%, without a length or a line break',
    hint: 'START_TIME',
  },
  {
    name: 'a percentage above 100 (P17)',
    code: 'WEFT0002',
    yaml: vs(`  - ${to}\n    fault: { abort: { httpStatus: 503, percentage: { value: ‹101› } } }\n`),
    message: 'from 0 to 100',
    hint: '0 to 100',
  },
  {
    name: 'a look-ahead (P12)',
    code: 'WEFT0002',
    yaml: vs(`  - ${to}\n    match: [{ uri: { regex: ‹"/a(?!b)"› } }]\n`),
    message: 'no look-around',
    hint: 'RE2',
  },
  {
    name: 'all weights zero (P15)',
    code: 'WEFT0002',
    yaml: vs(
      '  - ‹route›:\n    - { destination: { host: a }, weight: 0 }\n    - { destination: { host: b }, weight: 0 }\n',
    ),
    message: 'expected a weight above 0',
    hint: 'weight',
  },
  {
    name: 'an unknown retry condition',
    code: 'WEFT0002',
    yaml: vs(`  - ${to}\n    retries: { attempts: 1, retryOn: "5xx,‹conect-failure›" }\n`),
    message: '"conect-failure"',
    hint: 'did you mean "connect-failure"?',
  },
  {
    name: 'another pseudo header (P18)',
    code: 'WEFT0002',
    yaml: vs(`  - ${to}\n    headers: { request: { set: { ":path": ‹/x› } } }\n`),
    message: 'got ":path"',
    hint: 'rewrite',
  },
  {
    name: 'a lone percent sign',
    code: 'WEFT0002',
    yaml: vs(`  - ${to}\n    headers: { request: { set: { x: ‹100%› } } }\n`),
    message: '"%%"',
    hint: '%%',
  },
  {
    name: 'a group that is not there',
    code: 'WEFT0002',
    yaml: vs(`  - ${to}\n    rewrite: { uriRegexRewrite: { match: "/a(?:b)(c)", rewrite: ‹"/\\\\2"› } }\n`),
    message: 'a group of the expression (it has 1)',
    hint: 'by number',
  },
  {
    name: 'a control character',
    code: 'WEFT0002',
    yaml: vs(`  - redirect: { uri: ‹"/a\\nb"› }\n`),
    message: 'a text without control characters',
    hint: 'control',
  },
  {
    name: 'the wildcard host (P5)',
    code: 'WEFT0002',
    yaml: `${head('VirtualService')}spec:\n  hosts: [‹"*"›]\n  http: [{ ${to} }]\n`,
    message: 'got "*"',
    hint: 'write its hosts',
  },
  {
    name: 'a repeated match',
    code: 'WEFT0131',
    yaml: vs(
      `  - match: [{ uri: { prefix: /a } }]\n    ${to}\n  - match: [‹{ uri: { prefix: /a }, name: b }›, { port: 80 }]\n    ${to}\n  - ${to}\n`,
    ),
    message: 'match repeats spec.http[0].match[0]',
    hint: 'remove it; with the last match of a rule remove the rule',
  },
  {
    name: 'two authorities (P18)',
    code: 'WEFT0137',
    yaml: vs(`  - ${to}\n    rewrite: { authority: a }\n    headers: { request: { set: { Host: ‹b› } } }\n`),
    message: 'another rewrite of the authority',
    hint: 'keep one',
  },
];

it.each(examples)('$code $name', expectFinding);
