import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createTreeCheck } from '../../src/control-plane/check-tree.ts';
import type { CheckedTree } from '../../src/control-plane/policy-source.ts';
import { smallestSubset } from '../../src/control-plane/smallest-subset.ts';
import { finish } from '../../src/model/steps.ts';
import { settings } from '../support/registry-values.ts';

type Files = Readonly<Record<string, string>>;
const service = (name: string, port = 80) =>
  `apiVersion: v1\nkind: Service\nmetadata: { name: ${name} }\nspec: { selector: { app: ${name} }, ports: [{ name: http, port: ${port} }] }\n---\n`;
const route = (name: string, host: string, timeout: string, to = `{ host: ${host} }`) =>
  `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: ${name} }\nspec: { hosts: [${host}], http: [{ timeout: ${timeout}, route: [{ destination: ${to} }] }] }\n---\n`;
const outside =
  'apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: { name: api }\nspec: { hosts: [api.example.com], resolution: DNS, ports: [{ number: 80, name: http, protocol: HTTP }] }\n---\n';
const everything =
  'apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: { name: default }\nspec: { egress: [{ hosts: ["*/*"] }] }\n';

/** Commits one after the other, each with what is in a namespace. */
function checks(): (commit: string, files: Files) => CheckedTree {
  const check = createTreeCheck({
    settings,
    folders: 'namespace',
    root: 'policies',
    joined: () => new Map(),
    isolate: 'namespace',
  });
  return (commit, files) =>
    check({
      commit,
      files: Object.entries(files).map(([namespace, text]) => ({ path: `policies/${namespace}/a.yaml`, text })),
      diagnostics: [],
      author: 'Ana',
      subject: commit,
      time: 0,
    });
}

/** `bbb/own 2000` */
const served = ({ policies }: CheckedTree) =>
  policies?.objects
    .flatMap((object) =>
      object.kind === 'VirtualService' ? [`${object.namespace}/${object.name} ${object.spec.http[0]?.timeout}`] : [],
    )
    .sort();
const hintOf = ({ diagnostics }: CheckedTree, code: string) => diagnostics.find((one) => one.code === code)?.hint;

describe('whose change makes an error is held back, wherever it stands', () => {
  const host = 'pay.bbb.svc.cluster.local';
  const own = (timeout: string) => service('pay') + route('own', 'pay', timeout);
  const other = (timeout: string) => service('x') + route('x', 'x', timeout);

  test.each(['aaa', 'zzz'])('an intruder called %s: who stood there is served, and goes on', (intruder) => {
    const check = checks();
    check('c1', { bbb: own('1s'), ccc: other('1s') });
    const second = check('c2', { [intruder]: route('new', host, '9s'), bbb: own('2s'), ccc: other('2s') });
    expect(second.held).toEqual([{ namespace: intruder }]);
    expect(served(second)).toEqual(['bbb/own 2000', 'ccc/x 2000']);
    const third = check('c3', { [intruder]: route('new', host, '9s'), bbb: own('3s'), ccc: other('2s') });
    expect(third.held).toEqual([{ namespace: intruder }]);
    expect(served(third)).toEqual(['bbb/own 3000', 'ccc/x 2000']);
  });

  test('the error says whom it holds back, where that is not who reads it', () => {
    const check = checks();
    check('c1', { bbb: own('1s') });
    const second = check('c2', { aaa: route('new', host, '9s'), bbb: own('2s') });
    expect(second.diagnostics.find(({ code }) => code === 'WEFT0109')?.object?.namespace).toBe('bbb');
    expect(hintOf(second, 'WEFT0109')).toMatch(/; held back for it: aaa, whose change it is$/);
    expect(second.diagnostics.filter(({ code }) => code === 'WEFT0109')).toHaveLength(1);
  });

  test('two intruders are held back, both', () => {
    const check = checks();
    check('c1', { bbb: own('1s'), ccc: other('1s') });
    const files = { aaa: route('new', host, '9s'), aab: route('new', host, '8s'), bbb: own('2s'), ccc: other('2s') };
    const second = check('c2', files);
    expect(second.held).toEqual([{ namespace: 'aaa' }, { namespace: 'aab' }]);
    expect(served(second)).toEqual(['bbb/own 2000', 'ccc/x 2000']);
  });

  test('who takes a port away is held back; who uses it goes on', () => {
    const check = checks();
    const uses = (timeout: string) =>
      service('pay') + route('own', 'pay', timeout, '{ host: up.aaa.svc.cluster.local, port: { number: 80 } }');
    check('c1', { aaa: service('up'), bbb: uses('1s'), ccc: other('1s') });
    const second = check('c2', { aaa: service('up', 81), bbb: uses('1s'), ccc: other('2s') });
    expect(second.held).toEqual([{ namespace: 'aaa', commit: 'c1' }]);
    const third = check('c3', { aaa: service('up', 81), bbb: uses('3s'), ccc: other('2s') });
    expect(third.held).toEqual([{ namespace: 'aaa', commit: 'c1' }]);
    expect(served(third)).toEqual(['bbb/own 3000', 'ccc/x 2000']);
  });

  test('an error that stands in the root namespace, made by another, holds back that one', () => {
    const check = checks();
    const bbb = (timeout: string) => outside + own(timeout);
    check('c1', { 'istio-system': everything, bbb: bbb('1s'), ccc: other('1s') });
    const second = check('c2', { 'istio-system': everything, zzz: outside, bbb: bbb('2s'), ccc: other('2s') });
    expect(hintOf(second, 'WEFT0185')).toContain('held back for it: zzz');
    expect(second.held).toEqual([{ namespace: 'zzz' }]);
    expect(served(second)).toEqual(['bbb/own 2000', 'ccc/x 2000']);
  });

  test('what the root namespace itself makes wrong holds back all', () => {
    const check = checks();
    check('c1', { bbb: outside + own('1s'), zzz: outside });
    const second = check('c2', { 'istio-system': everything, bbb: outside + own('2s'), zzz: outside });
    expect(second.policies).toBeUndefined();
  });

  test('where either of two changes would do, the one in whose namespace the error stands', () => {
    const check = checks();
    check('c1', { bbb: service('pay'), ccc: other('1s') });
    const second = check('c2', { aaa: route('new', host, '9s'), bbb: own('2s'), ccc: other('2s') });
    expect(second.held).toEqual([{ namespace: 'bbb', commit: 'c1' }]);
    expect(served(second)).toEqual(['aaa/new 9000', 'ccc/x 2000']);
  });
});

describe('smallestSubset', () => {
  const find = (items: readonly number[], wanted: readonly (readonly number[])[]) => {
    let asked = 0;
    const found = finish(
      smallestSubset(items, function* (some) {
        asked++;
        yield;
        return wanted.some((each) => each.every((one) => some.includes(one)));
      }),
    );
    return { found, asked };
  };
  const items = Array.from({ length: 200 }, (_, index) => index);

  test('is one of those wanted, and of several the one that stands earlier', () => {
    expect(find(items, [[150], [3]]).found).toEqual([3]);
    expect(find(items, [[7, 120]]).found).toEqual([7, 120]);
    expect(find(items, []).found).toBeUndefined();
    expect(find([], [[]]).found).toBeUndefined();
  });

  test('few questions', () => {
    expect(find(items, [[150]]).asked).toBeLessThan(20);
    expect(find(items, [[3, 77, 150]]).asked).toBeLessThan(60);
  });

  test('property: enough, and nothing of it can be left out', () => {
    const few = fc.uniqueArray(fc.integer({ min: 0, max: 11 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(fc.array(few, { minLength: 1, maxLength: 4 }), (wanted) => {
        const { found = [] } = find(items.slice(0, 12), wanted);
        const isEnough = (some: readonly number[]) => wanted.some((each) => each.every((one) => some.includes(one)));
        expect(isEnough(found)).toBe(true);
        for (const one of found) expect(isEnough(found.filter((each) => each !== one))).toBe(false);
      }),
    );
  });
});
