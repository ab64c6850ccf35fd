import { describe, expect, test } from 'vitest';
import { core, found, joined, service, told, workload } from '../support/found-between.ts';

describe('targetPort by a name that no workload has (WEFT0205)', () => {
  const at = 'warning spec.ports[0].targetPort';
  test.each([
    [
      'none has a name',
      service('nope') + workload(),
      [`${at}: none has a name; write its number, or name it at the workload`],
    ],
    [
      'another name',
      service('web') + workload(', ports: { metrics: 9080 }'),
      [`${at}: names: metrics; write its number, or name it at the workload`],
    ],
    [
      'a near name',
      service('http-wb', 'http-api') + workload(', ports: { http-web: 9080 }'),
      [`${at}: did you mean "http-web"?`],
    ],
    ['its own name', service('web') + workload(', ports: { web: 9080 }'), []],
    ['the name of the port goes before it', service('nope') + workload(', ports: { http: 9080 }'), []],
    ['a number', service(9080) + workload(), []],
    ['a socket serves any port', service('nope') + workload().replace('10.0.0.1', '"unix:///run/a"'), []],
  ])('%s', (_, text, expected) => expect(told(text, 'WEFT0205')).toEqual(expected));
});

describe('targetPort by a number that nobody who joined has (WEFT0205)', () => {
  const two = [joined('j1', [9080, [9090, 'admin']]), joined('j2', [9080])];
  const said = (text: string, members = two) =>
    found(text, 'WEFT0205', 'shop', members).map(({ field, message, hint }) => [field, message, hint]);

  test('says how many there are and which ports they have', () => {
    expect(said(service(8080))).toEqual([
      [
        'spec.ports[0].targetPort',
        'port 80 of service reviews has no workload: 2 match the selector, none has port 8080',
        'ports of its workloads: 9080, 9090 (admin); write one of them in targetPort, or start them with --port 8080',
      ],
    ]);
    const [first] = two;
    expect(said(service(8080), first ? [first] : []).map(([, message]) => message)).toEqual([
      'port 80 of service reviews has no workload: 1 matches the selector, it has not port 8080',
    ]);
  });

  test('without targetPort it is the port itself', () => {
    const plain = core('Service', 'reviews', '{ selector: { app: reviews }, ports: [{ name: http, port: 80 }] }');
    expect(said(plain).map(([field]) => field)).toEqual(['spec.ports[0].port']);
  });

  test('who joined without ports', () => {
    expect(said(service(8080), [joined('j1', [])]).map(([, , hint]) => hint)).toEqual([
      'it joined without ports: start it with weft run --port 8080',
    ]);
  });

  test.each([
    ['one of them has it', service(9090), two],
    ['the name of the port goes before the number', service(8080, 'admin'), two],
    ['behind a WorkloadEntry any port may be open', service(8080) + workload(), two],
    ['a WorkloadEntry that names others', service(8080) + workload(', ports: { x: 9080 }'), []],
  ])('nothing: %s', (_, text, members) => expect(said(text, members)).toEqual([]));
});
