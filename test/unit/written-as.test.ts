import { describe, expect, test } from 'vitest';
import { createTreeCheck } from '../../src/control-plane/check-tree.ts';
import type { Diagnostic } from '../../src/model/diagnostic.ts';
import { settings } from '../support/registry-values.ts';

const service = `apiVersion: v1
kind: Service
metadata: { name: reviews }
spec: { selector: { app: reviews }, ports: [{ name: http, port: 80 }] }
`;
const networking = (kind: string, spec: string) =>
  `${service}---\napiVersion: networking.istio.io/v1\nkind: ${kind}\nmetadata: { name: x }\nspec: ${spec}\n`;
const rule = (fields: string) =>
  networking(
    'VirtualService',
    `{ hosts: [reviews], http: [{ route: [{ destination: { host: reviews } }], ${fields} }] }`,
  );
const traffic = (fields: string) => networking('DestinationRule', `{ host: reviews, trafficPolicy: ${fields} }`);

function found(text: string): readonly Diagnostic[] {
  const check = createTreeCheck({ settings, folders: 'namespace', root: 'policies', joined: () => new Map() });
  const files = [{ path: 'policies/shop/a.yaml', text }];
  return check({ commit: 'x', files, diagnostics: [], author: '', subject: '', time: 0 }).diagnostics;
}
/** Fields and hints of one code. */
const told = (text: string, code: string) =>
  found(text).flatMap((one) => (one.code === code ? [[one.field, one.hint]] : []));

describe('findings about a field under another name have it as it was written', () => {
  test('mirror, which becomes the one entry of mirrors', () => {
    expect(told(rule('mirror: { host: nobody, port: { number: 80 } }'), 'WEFT0101').map(([field]) => field)).toEqual([
      'spec.http[0].mirror.host',
    ]);
    expect(told(rule('mirror: { host: reviews, subset: v1 }'), 'WEFT0173').map(([field]) => field)).toEqual([
      'spec.http[0].mirror.subset',
    ]);
    expect(told(rule('mirror: { host: reviews, port: { number: 99 } }'), 'WEFT0113').map(([field]) => field)).toEqual([
      'spec.http[0].mirror.port.number',
    ]);
    expect(told(rule('mirrors: [{ destination: { host: nobody } }]'), 'WEFT0101').map(([field]) => field)).toEqual([
      'spec.http[0].mirrors[0].destination.host',
    ]);
  });

  test('a wrong host of mirror, told by its text alone', () => {
    expect(told(rule('mirror: { host: "*" }'), 'WEFT0002').map(([field]) => field)).toEqual([
      'spec.http[0].mirror.host',
    ]);
  });
});

describe('deprecated fields name what replaces them with the value that was written (WEFT0005)', () => {
  test.each([
    [
      'fault.delay.percent',
      rule('fault: { delay: { fixedDelay: 1s, percent: 5 } }'),
      ['spec.http[0].fault.delay.percent', 'write percentage: { value: 5 }'],
    ],
    [
      'mirrorPercent',
      rule('mirror: { host: reviews }, mirrorPercent: 7'),
      ['spec.http[0].mirrorPercent', 'write mirrorPercentage: { value: 7 }'],
    ],
    [
      'allowOrigin',
      rule('corsPolicy: { allowOrigin: ["https://a.example", b] }'),
      ['spec.http[0].corsPolicy.allowOrigin', 'write allowOrigins: [{ exact: "https://a.example" }, { exact: b }]'],
    ],
    [
      'a long allowOrigin',
      rule('corsPolicy: { allowOrigin: [a, b, c, d] }'),
      ['spec.http[0].corsPolicy.allowOrigin', 'write allowOrigins[].exact'],
    ],
    [
      'warmupDurationSecs',
      traffic('{ loadBalancer: { warmupDurationSecs: 10s } }'),
      ['spec.trafficPolicy.loadBalancer.warmupDurationSecs', 'write warmup: { duration: "10s" }'],
    ],
    [
      'minimumRingSize',
      traffic('{ loadBalancer: { consistentHash: { useSourceIp: true, minimumRingSize: 64 } } }'),
      ['spec.trafficPolicy.loadBalancer.consistentHash.minimumRingSize', 'write ringHash: { minimumRingSize: 64 }'],
    ],
    [
      'consecutiveErrors, which also switches the count of 5xx off',
      traffic('{ outlierDetection: { consecutiveErrors: 3 } }'),
      [
        'spec.trafficPolicy.outlierDetection.consecutiveErrors',
        'write consecutiveGatewayErrors: 3, and consecutive5xxErrors: 0 unless it is there: the old one does not count them',
      ],
    ],
  ])('%s', (_, text, expected) => expect(told(text, 'WEFT0005')).toEqual([expected]));
});

describe('names that are nearly right (WEFT0002)', () => {
  test.each([
    ['mirror_percentage: { value: 5 }', 'did you mean "mirrorPercentage"?'],
    ['mirror_percent: 5', 'did you mean "mirrorPercent", which is deprecated? write mirrorPercentage: { value: 5 }'],
    ['fault: { abort: { httpStatus: 500, percent: 5 } }', 'did you mean "percentage"?'],
    ['cors_policy: {}', 'did you mean "corsPolicy"?'],
  ])('%s', (fields, hint) => {
    expect(told(rule(fields), 'WEFT0002').map(([, told]) => told)).toEqual([hint]);
  });
});

test('an EnvoyFilter is refused with what says the same (WEFT0004)', () => {
  const text =
    'apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: { name: x }\nspec: { configPatches: [] }\n';
  expect(told(text, 'WEFT0004')).toEqual([
    ['kind', expect.stringMatching(/^say it in a VirtualService \(.*\), a DestinationRule .* MeshConfig/)],
  ]);
});
