import { expect, test } from 'vitest';
import { createLayer } from '../../src/xds/layer.ts';
import { createQuarantine, type Refuser } from '../../src/xds/quarantine.ts';
import { createResource } from '../../src/xds/resource.ts';

const typeUrl = 'type.googleapis.com/t';
const make = (text: string) => createResource({ typeUrl, name: 'a', value: Buffer.from(text) });
const [good, bad, next] = [make('good'), make('bad'), make('next')];
const shared = createLayer([bad], undefined, 'view 1');
const on = (node: string, agent = 'envoy 1.40.0', layer = shared): Refuser => ({ node, agent, layers: [layer] });
const refusal = (accepted = false) => ({ resource: bad, good, message: 'missing ): (', at: 7, accepted });

test('X38 what one client refused is withheld from its equals: same view, same software, same content', () => {
  const quarantine = createQuarantine();
  quarantine.refuse(on('n1'), refusal());
  expect(quarantine.find(on('n1'), bad)).toEqual({ good });
  expect(quarantine.find(on('n2'), bad)).toEqual({ good });
  expect(quarantine.find(on('n2', 'envoy 1.41.0'), bad)).toBeUndefined();
  expect(quarantine.find(on('n2', 'envoy 1.40.0', createLayer([bad], undefined, 'view 2')), bad)).toBeUndefined();
  expect(quarantine.find(on('n2'), next)).toBeUndefined();
  expect(quarantine.entries()).toEqual([
    {
      scope: 'view 1',
      agent: 'envoy 1.40.0',
      typeUrl,
      name: 'a',
      version: bad.version,
      message: 'missing ): (',
      at: 7,
      node: 'n1',
      refusals: 1,
      everywhere: true,
      good: good.version,
    },
  ]);
});

test('what an equal client accepts is the trouble of the node that refused it, before the refusal and after it', () => {
  const quarantine = createQuarantine();
  quarantine.refuse(on('n1'), refusal(true));
  expect([quarantine.find(on('n1'), bad), quarantine.find(on('n2'), bad)]).toEqual([{ good }, undefined]);
  const later = createQuarantine();
  later.refuse(on('n1'), refusal());
  expect(later.epoch()).toBe(0);
  later.accept(on('n2'), [bad]);
  expect(later.epoch()).toBe(1);
  expect([later.find(on('n1'), bad), later.find(on('n2'), bad)]).toEqual([{ good }, undefined]);
});

test('a layer of one proxy alone is nobody else’s matter', () => {
  const quarantine = createQuarantine();
  const own = () => createLayer([bad]);
  quarantine.refuse(on('n1', 'envoy', own()), refusal());
  expect(quarantine.find(on('n1', 'envoy', own()), bad)).toEqual({ good });
  expect(quarantine.find(on('n2', 'envoy', own()), bad)).toBeUndefined();
});

test('a fault of the client’s own machine is not held against the content', () => {
  const quarantine = createQuarantine();
  const message = "Error adding/updating listener(s) in: cannot bind '0.0.0.0:80': Address already in use";
  quarantine.refuse(on('n1'), { ...refusal(), message });
  expect(quarantine.entries()).toEqual([]);
});

test('a refusal can be forgotten by hand, and content that came after it replaces it', () => {
  const quarantine = createQuarantine();
  quarantine.refuse(on('n1'), refusal());
  expect(quarantine.release(({ name }) => name === 'other')).toBe(0);
  expect(quarantine.release(({ name }) => name === 'a')).toBe(1);
  expect([quarantine.epoch(), quarantine.find(on('n1'), bad)]).toEqual([1, undefined]);
  quarantine.refuse(on('n1'), refusal());
  quarantine.refuse(on('n1'), { ...refusal(), resource: next, good: undefined });
  expect(quarantine.entries().map(({ version, good: kept }) => [version, kept])).toEqual([
    [next.version, good.version],
  ]);
});
