import { describe, expect, test } from 'vitest';
import type { Diagnostic } from '../../src/model/diagnostic.ts';
import { parsePolicies } from '../../src/policy/parse-policies.ts';

/** The findings of a VirtualService in the namespace shop, without the hint that other requests get 404. */
function findings(spec: string): readonly Diagnostic[] {
  const text = `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: x }\nspec: ${spec}\n`;
  const options = { commit: '4f1c2ab', rootNamespace: 'istio-system', folders: 'namespace' } as const;
  const { diagnostics } = parsePolicies([{ path: 'policies/shop/a.yaml', text }], options);
  return diagnostics.filter(({ code }) => code !== 'WEFT0139');
}

const to = 'route: [{ destination: { host: a } }]';
const rule = (http: string) => `{ hosts: [a], http: [{ ${http} }] }`;
const codes = (spec: string) => [...new Set(findings(spec).map(({ code }) => code))].sort();

describe('accepted as in Istio', () => {
  test.each([
    ['a prefix that is empty', `match: [{ uri: { prefix: "" } }], ${to}`],
    ['"*" as a missing header', `match: [{ withoutHeaders: { a: { regex: "*" } } }], ${to}`],
    ['match of the mesh', `match: [{ gateways: [mesh], statPrefix: reviews }], ${to}`],
    [
      'ports, names and namespaces that say nothing',
      `name: "", match: [{ name: "", port: 0, sourceNamespace: "" }], ${to}`,
    ],
    ['a share of no requests', `fault: { abort: { httpStatus: 500, percentage: { value: 0 } } }, ${to}`],
    ['paths in any case', `match: [{ uri: { prefix: /a }, ignoreUriCase: true }], ${to}`],
    ['a share with many decimals', `fault: { abort: { httpStatus: 500, percentage: { value: 33.33333 } } }, ${to}`],
    ['retryOn that is empty', `retries: { attempts: 1, retryOn: "" }, ${to}`],
    ['many attempts', `retries: { attempts: 2000 }, ${to}`],
    ['status codes', `retries: { attempts: 1, retryOn: "5xx,503,429" }, ${to}`],
    [
      'all of retries',
      `retries: { attempts: 1, backoff: 5ms, retryIgnorePreviousHosts: false, retryRemoteLocalities: true }, ${to}`,
    ],
    ['tries shorter than all of them', `timeout: 2s, retries: { attempts: 1, perTryTimeout: 1.999s }, ${to}`],
    ['tries that end, of a request that does not', `retries: { attempts: 1, perTryTimeout: 1h }, ${to}`],
    ['a subset that is empty', 'route: [{ destination: { host: a, subset: "" } }]'],
    ['a destination of a wildcard', 'route: [{ destination: { host: "*.x.com" } }]'],
    ['an authority with a port', `rewrite: { uri: "", authority: "b:80" }, ${to}`],
    ['a redirect to a port', 'redirect: { authority: "b:8080", uri: "" }'],
    ['a redirect that derives the port', 'redirect: { derivePort: FROM_REQUEST_PORT }'],
    ['a prefix for a prefix', 'match: [{ uri: { prefix: /a } }], redirect: { prefixRewrite: /b }'],
    ['an answer', 'directResponse: { status: 200, body: { string: "a\\nb" } }'],
    ['an answer of bytes', 'directResponse: { status: 200, body: { bytes: AAEC } }'],
    ['an answer with headers', 'directResponse: { status: 503 }, headers: { response: { set: { a: b } } }'],
    [
      'all of CORS',
      `corsPolicy: { allowOrigins: [{ exact: "https://a" }, { prefix: "https://b" }, { regex: .* }], allowMethods: [GET, "*"], allowHeaders: [x-a, "*"], exposeHeaders: [x-b], maxAge: 24h, allowCredentials: true, unmatchedPreflights: IGNORE }, ${to}`,
    ],
  ])('%s', (_name, http) => {
    expect(findings(rule(http))).toEqual([]);
  });

  test.each([
    ['timeout beside a redirect', 'redirect: { uri: /x }, timeout: 1s'],
    ['retries beside a redirect', 'redirect: { uri: /x }, retries: { attempts: 1 }'],
    ['mirror beside a redirect', 'redirect: { uri: /x }, mirror: { host: b }'],
    ['timeout beside an answer', 'directResponse: { status: 200 }, timeout: 1s'],
    ['CORS beside an answer', 'directResponse: { status: 200 }, corsPolicy: { allowMethods: [GET] }'],
    ['a share of requests that is empty', `fault: { abort: { httpStatus: 500, percentage: {} } }, ${to}`],
    ['an abort without a share', `fault: { abort: { httpStatus: 500 } }, ${to}`],
    ['a delay without a share', `fault: { delay: { fixedDelay: 1s } }, ${to}`],
    ['an expression in any case', `match: [{ uri: { regex: /a }, ignoreUriCase: true }], ${to}`],
    ['no path in any case', `match: [{ ignoreUriCase: true, port: 80 }], ${to}`],
    ['an abort without a status', `fault: { abort: { percentage: { value: 1 } } }, ${to}`],
    ['a delay without a length', `fault: { delay: { percentage: { value: 1 } } }, ${to}`],
    ['backoff without attempts', `retries: { attempts: 0, backoff: 1s }, ${to}`],
    ['tries as long as all of them', `timeout: 2s, retries: { attempts: 1, perTryTimeout: 2s }, ${to}`],
    ['tries longer than all of them', `timeout: 2s, retries: { attempts: 1, perTryTimeout: 1m }, ${to}`],
    ['a share of no mirror', `mirrorPercentage: { value: 5 }, ${to}`],
  ])('with WEFT0132: %s', (_name, http) => {
    expect(codes(rule(http))).toEqual(['WEFT0132']);
  });

  test.each([
    ['both shares of a mirror', `mirror: { host: b }, mirrorPercent: 5, mirrorPercentage: { value: 5 }, ${to}`],
    ['both shares of a delay', `fault: { delay: { fixedDelay: 1s, percent: 3, percentage: { value: 5 } } }, ${to}`],
    ['both lists of origins', `corsPolicy: { allowOrigin: [a], allowOrigins: [{ exact: a }] }, ${to}`],
  ])('with WEFT0005 and WEFT0132: %s', (_name, http) => {
    expect(codes(rule(http))).toEqual(['WEFT0005', 'WEFT0132']);
  });
});

describe('valid in Istio, refused by name (WEFT0004)', () => {
  test.each([
    ['a redirect with another code', rule('redirect: { uri: /x, redirectCode: 300 }')],
    ['status 600', rule(`fault: { abort: { httpStatus: 600, percentage: { value: 1 } } }, ${to}`)],
    ['an answer of 600', rule('directResponse: { status: 600 }')],
    ['a gateway', rule(`match: [{ gateways: [shop/edge] }], ${to}`)],
    ['no hosts', `{ http: [{ ${to} }] }`],
    ['a part of a label', `{ hosts: ["*-x.com"], http: [{ ${to} }] }`],
  ])('%s', (_name, spec) => {
    expect(codes(spec)).toEqual(['WEFT0004']);
  });
});

describe('refused as in Istio', () => {
  test.each([
    ['a redirect with a code alone', rule('redirect: { redirectCode: 301 }'), 'WEFT0002'],
    ['an empty redirect', rule('redirect: {}'), 'WEFT0002'],
    ['a code that is none', rule('redirect: { uri: /x, redirectCode: 200 }'), 'WEFT0002'],
    [
      'a prefix for an exact path',
      rule('match: [{ uri: { exact: /a } }], redirect: { prefixRewrite: /b }'),
      'WEFT0002',
    ],
    ['two paths', rule('redirect: { uri: /a, prefixRewrite: /b }'), 'WEFT0137'],
    ['redirect and answer', rule('redirect: { uri: /a }, directResponse: { status: 200 }'), 'WEFT0137'],
    ['route and answer', rule(`directResponse: { status: 200 }, ${to}`), 'WEFT0137'],
    ['fault and answer', rule('directResponse: { status: 200 }, fault: { abort: { httpStatus: 500 } }'), 'WEFT0137'],
    ['rewrite and answer', rule('directResponse: { status: 200 }, rewrite: { uri: /x }'), 'WEFT0137'],
    ['mirror and mirrors', rule(`mirror: { host: b }, mirrors: [{ destination: { host: c } }], ${to}`), 'WEFT0137'],
    ['an answer without a status', rule('directResponse: { body: { string: a } }'), 'WEFT0002'],
    ['two bodies', rule('directResponse: { status: 200, body: { string: a, bytes: AAEC } }'), 'WEFT0137'],
    ['bytes that are no base64', rule('directResponse: { status: 200, body: { bytes: "a" } }'), 'WEFT0002'],
    ['an empty rewrite', rule(`rewrite: { uri: "" }, ${to}`), 'WEFT0002'],
    ['a rewrite to nothing', rule(`rewrite: { uriRegexRewrite: { match: a, rewrite: "" } }, ${to}`), 'WEFT0002'],
    [
      'a status of gRPC in lower case',
      rule(`fault: { abort: { grpcStatus: unavailable, percentage: { value: 1 } } }, ${to}`),
      'WEFT0002',
    ],
    [
      'a status of gRPC by number',
      rule(`fault: { abort: { grpcStatus: "14", percentage: { value: 1 } } }, ${to}`),
      'WEFT0002',
    ],
    [
      'a percentage of nothing',
      rule(`fault: { abort: { httpStatus: 500, percentage: { value: 0.00001 } } }, ${to}`),
      'WEFT0002',
    ],
    ['"*" as a header that is there', rule(`match: [{ headers: { a: { regex: "*" } } }], ${to}`), 'WEFT0002'],
    ['an empty prefix of a method', rule(`match: [{ method: { prefix: "" } }], ${to}`), 'WEFT0002'],
    ['an unknown code in retryOn', rule(`retries: { attempts: 1, retryOn: "599" }, ${to}`), 'WEFT0002'],
    ['a blank in retryOn', rule(`retries: { attempts: 1, retryOn: "5xx, reset" }, ${to}`), 'WEFT0002'],
    [
      'remote localities without attempts',
      rule(`retries: { attempts: 0, retryRemoteLocalities: true }, ${to}`),
      'WEFT0137',
    ],
    ['backoff of nothing', rule(`retries: { attempts: 1, backoff: 0s }, ${to}`), 'WEFT0002'],
    ['every host as destination', rule('route: [{ destination: { host: "*" } }]'), 'WEFT0002'],
    ['gateways and labels', rule(`match: [{ gateways: [mesh], sourceLabels: { a: b } }], ${to}`), 'WEFT0137'],
    ['gateways and namespace', rule(`match: [{ gateways: [mesh], sourceNamespace: a }], ${to}`), 'WEFT0137'],
    ['an origin of nothing', rule(`corsPolicy: { allowOrigins: [{ exact: "" }] }, ${to}`), 'WEFT0002'],
    ['an origin without a condition', rule(`corsPolicy: { allowOrigins: [{}] }, ${to}`), 'WEFT0002'],
    ['an unknown method', rule(`corsPolicy: { allowMethods: [get] }, ${to}`), 'WEFT0002'],
    ['a header that is none', rule(`corsPolicy: { allowHeaders: [":a"] }, ${to}`), 'WEFT0002'],
    ['parts of a second', rule(`corsPolicy: { maxAge: 1500ms }, ${to}`), 'WEFT0002'],
    ['an unknown word for preflights', rule(`corsPolicy: { unmatchedPreflights: DROP }, ${to}`), 'WEFT0002'],
    ['a host within another', `{ hosts: ["*.foo.com", "*.com"], http: [{ ${to} }] }`, 'WEFT0002'],
    ['a host of a wildcard', `{ hosts: ["*.com", a.com], http: [{ ${to} }] }`, 'WEFT0002'],
    ['an exportTo twice', `{ hosts: [a], exportTo: [b, b], http: [{ ${to} }] }`, 'WEFT0002'],
    ['an exportTo of the own namespace twice', `{ hosts: [a], exportTo: [., shop], http: [{ ${to} }] }`, 'WEFT0002'],
  ])('%s', (_name, spec, code) => {
    expect(codes(spec)).toEqual([code]);
  });
});

test('what has no effect names what decides instead', () => {
  const [found] = findings('{ hosts: [a], http: [{ redirect: { uri: /x },\n  timeout: 1s }] }');
  expect(found).toMatchObject({
    code: 'WEFT0132',
    field: 'spec.http[0].timeout',
    at: { line: 5 },
    related: [{ file: 'policies/shop/a.yaml', line: 4, message: 'redirect' }],
  });
});

test('a match that differs in its name for statistics alone is a repeated one (P11)', () => {
  const again = (more: string) => `match: [{ uri: { exact: /a } }, { uri: { exact: /a }, ${more} }], ${to}`;
  expect(codes(rule(again('statPrefix: x')))).toEqual(['WEFT0131']);
  expect(codes(rule(again('gateways: [mesh]')))).toEqual(['WEFT0131']);
  expect(codes(rule(again('port: 80')))).toEqual([]);
});

test('a body of more than 1 MiB is refused, one of more than 100 KiB is told', () => {
  const body = (length: number) =>
    codes(rule(`directResponse: { status: 200, body: { string: ${'x'.repeat(length)} } }`));
  expect(body(100 * 1024)).toEqual([]);
  expect(body(100 * 1024 + 1)).toEqual(['WEFT0133']);
  // The whole file is bounded before.
  expect(body(1024 * 1024 + 1)).toEqual(['WEFT0007']);
});
