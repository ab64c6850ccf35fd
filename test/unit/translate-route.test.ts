import { describe, expect, test } from 'vitest';
import type { RedirectAction } from '../../src/model/ir-route.ts';
import { toCanonicalJson } from '../../src/proto/canonical-json.ts';
import { corsPolicy } from '../../src/translate/cors.ts';
import { fractionalPercent } from '../../src/translate/percentage.ts';
import { redirectAction } from '../../src/translate/redirect-action.ts';
import { respondAction } from '../../src/translate/respond-action.ts';
import { retryPolicy } from '../../src/translate/retry-policy.ts';

const redirect = (value: Partial<RedirectAction['redirect']['value']>, port = 9080) =>
  redirectAction({ statusCode: 301, ...value }, port).portRedirect;

describe('the port of a redirect', () => {
  test.each([
    ['none', {}, 9080, 0],
    ['a named one', { port: 8443 }, 9080, 8443],
    ['80, which http means', { port: 80 }, 9080, 0],
    ['443, which https means', { port: 443, scheme: 'https' }, 9080, 0],
    ['80 behind https', { port: 80, scheme: 'https' }, 9080, 80],
    ['that of the protocol', { portFrom: 'protocol', scheme: 'https' }, 9080, 0],
    ['that of the request', { portFrom: 'request' }, 9080, 9080],
    ['that of the request, which http means', { portFrom: 'request' }, 80, 0],
  ] as const)('%s', (_name, value, called, port) => {
    expect(redirect(value, called)).toBe(port);
  });
});

test.each([
  [33.33339, 333_333],
  [0.57, 5_700],
  [0.29, 2_900],
  [0.00001, 0],
  [100, 1_000_000],
])('%f percent are %i millionths: what is finer is cut off', (percentage, millionths) => {
  expect(fractionalPercent(percentage).numerator).toBe(millionths);
});

test('bytes of an answer stay as they are, and an answer may have none', () => {
  const by = { default: 'P10' } as const;
  const bytes = respondAction({
    kind: 'respond',
    respond: { value: { status: 200, body: { base64: 'AAEC/w==' } }, by },
  });
  expect(bytes.body?.specifier).toMatchObject({ case: 'inlineBytes', value: Buffer.from([0, 1, 2, 255]) });
  const empty = respondAction({ kind: 'respond', respond: { value: { status: 503 }, by } });
  expect(empty.body).toBeUndefined();
});

test('a preflight from elsewhere goes on unless it is to be ignored', () => {
  const nothing = { origins: [], methods: [], headers: [], exposedHeaders: [] };
  const forwards = (forwardUnmatched: boolean) =>
    corsPolicy({ ...nothing, forwardUnmatched }).forwardNotMatchingPreflights;
  expect([forwards(true), forwards(false)]).toEqual([true, false]);
  expect(corsPolicy({ ...nothing, forwardUnmatched: true }).allowCredentials).toBeUndefined();
});

test('a retry that may take the same endpoint draws once', () => {
  const policy = retryPolicy({
    attempts: 2,
    conditions: ['5xx'],
    statusCodes: [],
    avoidPreviousHosts: false,
    backoff: 20,
  });
  expect(toCanonicalJson(policy)).toEqual({ retryOn: '5xx', numRetries: 2, retryBackOff: { baseInterval: '0.020s' } });
});
