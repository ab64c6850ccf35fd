import { describe, expect, test } from 'vitest';
import type { PathNormalization } from '../../src/model/ir-mesh.ts';
import type { RouteMatch } from '../../src/model/ir-route.ts';
import { requestMismatch } from '../../src/resolve/request-match.ts';
import { routedPath } from '../../src/resolve/request-path.ts';
import { type SentRequest, seenRequest } from '../../src/resolve/seen-request.ts';

const modes: readonly PathNormalization[] = ['none', 'dots', 'dots-and-slashes', 'dots-and-encoded-slashes'];

/** What Envoy 1.40 makes of a path, measured; one entry: the same in every mode but the first, which keeps it. */
const paths: readonly (readonly [string, readonly (string | undefined)[]])[] = [
  ['/', ['/']],
  ['/a/../b', ['/b']],
  ['/../x', ['/x']],
  ['/./a/.', ['/a/']],
  ['/a/..', ['/']],
  ['/a/b/../../../c', ['/c']],
  ['/a//b', ['/a//b', '/a/b', '/a/b']],
  ['//a', ['//a', '/a', '/a']],
  ['/a//../b', ['/a/b']],
  ['/a/%2e%2E/b', ['/b']],
  ['/a/.../b', ['/a/.../b']],
  ['/%41%7e%5f%2d', ['/A~_-']],
  ['/%2f%2F%5c%5C', ['/%2f%2F%5c%5C', '/%2f%2F%5c%5C', '//']],
  ['/..%2f..', ['/..%2f..', '/..%2f..', '/']],
  ['/%2e%2e%2fa', ['/..%2fa', '/..%2fa', '/a']],
  ['/a\\b', ['/a/b']],
  ['/%zz%', ['/%zz%']],
  ['/a%20b', ['/a%20b']],
  ['/a"<>^`{|}b', ['/a%22%3C%3E%5E%60%7B%7C%7Db']],
  ['/a?x=/../b//c', ['/a?x=/../b//c']],
  ['/a/..;x/b?q', ['/b?q']],
  ['/a/.;x/b', ['/a/b']],
  ['/a/..;', ['/']],
  ['/a/%2e%2e;x/b', ['/a/..;x/b']],
  ['/a;x/../b', ['/b']],
  ['/%00', [undefined]],
];

test.each(paths)('P47 %s', (written, made) => {
  const [first] = made;
  const expected = made.length === 1 ? [written, first, first, first] : [written, ...made];
  expect(modes.map((mode) => routedPath(written, mode))).toEqual(expected);
});

test.each(['', 'x', '*', '?x', '/a b', '/a#b', '/é'])('"%s" is no path: Envoy answers 400', (written) => {
  expect(modes.map((mode) => routedPath(written, mode))).toEqual([undefined, undefined, undefined, undefined]);
});

function seen(over: Partial<SentRequest> = {}) {
  const request = seenRequest({ method: 'GET', authority: 'reviews', path: '/a?q=1', headers: [], ...over }, 'dots');
  if ('refused' in request) throw new Error(request.why);
  return request;
}

const any: RouteMatch = { headers: [], query: [] };

describe('P11 P12 conditions', () => {
  test.each<readonly [Partial<RouteMatch>, Partial<SentRequest>, readonly string[] | undefined]>([
    [{}, {}, undefined],
    [{ path: { kind: 'exact', value: '/a', ignoreCase: false } }, {}, undefined],
    [{ path: { kind: 'exact', value: '/A', ignoreCase: false } }, {}, ['uri']],
    [{ path: { kind: 'prefix', value: '/A', ignoreCase: true } }, { path: '/apis' }, undefined],
    [{ path: { kind: 'regex', value: '/', ignoreCase: false } }, {}, ['uri']],
    [{ method: { kind: 'exact', value: 'get' } }, {}, ['method']],
    [{ authority: { kind: 'prefix', value: 'rev' } }, {}, undefined],
    [{ scheme: { kind: 'exact', value: 'https' } }, {}, ['scheme']],
    [{ scheme: { kind: 'exact', value: 'https' } }, { headers: [['X-Forwarded-Proto', 'https']] }, undefined],
    [{ scheme: { kind: 'exact', value: 'http' } }, { headers: [['x-forwarded-proto', 'wss']] }, undefined],
    [{ headers: [{ name: 'x', match: { kind: 'present' }, absent: false }] }, {}, ['headers', 'x']],
    [{ headers: [{ name: 'x', match: { kind: 'exact', value: '' }, absent: false }] }, {}, ['headers', 'x']],
    [
      { headers: [{ name: 'x', match: { kind: 'exact', value: '' }, absent: false }] },
      { headers: [['X', ' ']] },
      undefined,
    ],
    // One of several fits; of those that are joined the whole does.
    [
      { headers: [{ name: 'x', match: { kind: 'exact', value: 'b' }, absent: false }] },
      {
        headers: [
          ['x', 'a'],
          ['x', 'b'],
        ],
      },
      undefined,
    ],
    [
      { headers: [{ name: 'via', match: { kind: 'exact', value: 'b' }, absent: false }] },
      {
        headers: [
          ['via', 'a'],
          ['via', 'b'],
        ],
      },
      ['headers', 'via'],
    ],
    [
      { headers: [{ name: 'via', match: { kind: 'exact', value: 'a,b' }, absent: false }] },
      {
        headers: [
          ['via', 'a'],
          ['via', ''],
          ['via', 'b'],
        ],
      },
      undefined,
    ],
    [{ headers: [{ name: 'host', match: { kind: 'exact', value: 'reviews' }, absent: false }] }, {}, undefined],
    [{ headers: [{ name: 'x-request-id', match: { kind: 'present' }, absent: false }] }, {}, undefined],
    [
      { headers: [{ name: 'x-envoy-retry-on', match: { kind: 'present' }, absent: false }] },
      { headers: [['x-envoy-retry-on', '5xx']] },
      ['headers', 'x-envoy-retry-on'],
    ],
    [
      { headers: [{ name: 'x', match: { kind: 'present' }, absent: true }] },
      { headers: [['x', '']] },
      ['withoutHeaders', 'x'],
    ],
    [{ headers: [{ name: 'x', match: { kind: 'exact', value: 'a' }, absent: true }] }, {}, undefined],
    [{ headers: [{ name: 'x', match: { kind: 'regex', value: 'a?' }, absent: true }] }, {}, ['withoutHeaders', 'x']],
    [{ query: [{ name: 'q', match: { kind: 'exact', value: '1' } }] }, {}, undefined],
    [{ query: [{ name: 'q', match: { kind: 'exact', value: '2' } }] }, { path: '/?q=1&q=2' }, ['queryParams', 'q']],
    [{ query: [{ name: 'q', match: { kind: 'exact', value: 'a' } }] }, { path: '/?q=%61' }, ['queryParams', 'q']],
    [{ query: [{ name: 'q', match: { kind: 'present' } }] }, { path: '/?q' }, undefined],
    [{ query: [{ name: 'q', match: { kind: 'present' } }] }, { path: '/' }, ['queryParams', 'q']],
  ])('%o of %o', (match, sent, field) => {
    expect(requestMismatch({ ...any, ...match }, seen(sent))?.field).toEqual(field);
  });

  test('an empty x-forwarded-proto leaves a request without any route', () => {
    const sent = { method: 'GET', authority: 'a', path: '/', headers: [['x-forwarded-proto', '']] as const };
    expect(seenRequest(sent, 'dots')).toMatchObject({ refused: 404 });
  });
});
