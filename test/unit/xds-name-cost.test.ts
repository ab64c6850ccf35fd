import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createLayer } from '../../src/xds/layer.ts';
import { costOfNames } from '../../src/xds/name-cost.ts';
import { keysOf } from '../../src/xds/persistent-map.ts';
import { createResource, type Resource } from '../../src/xds/resource.ts';
import { clusterType, endpointType, routeType, virtualHostType } from '../../src/xds/resource-types.ts';
import { nextResponse, openStream, type StreamState, stepDelta, stepSotw } from '../../src/xds/stream-state.ts';
import { countingSeal, noQuarantine } from '../support/xds-world.ts';

const types = [clusterType, endpointType, routeType, virtualHostType, 'type.googleapis.com/of.nobody'];
const served = ['a', 'b', 'ü'].flatMap((name) =>
  [clusterType, endpointType].map((typeUrl) => createResource({ typeUrl, name, value: Buffer.from(name) })),
);

/** What follows a request: answers are computed, and the client acknowledges those of a type. */
function advance(state: StreamState, content: readonly Resource[]): StreamState {
  let current = state;
  for (;;) {
    const { state: after, plan } = nextResponse(current, {
      snapshot: { generation: 1, commit: '', layers: [createLayer(content)] },
      now: 0,
      timing: { hold: 5_000, grace: 5_000 },
      seal: countingSeal,
      quarantine: noQuarantine,
    });
    current = after;
    if (plan === undefined) return current;
  }
}

function flightOf(state: StreamState, typeUrl: string) {
  return state.subscriptions.find(({ type }) => type.typeUrl === typeUrl)?.inFlight;
}

const noVersions: ReadonlyMap<string, string> = new Map();

const names = fc.array(
  fc.constantFrom('a', 'b', 'c', 'd', 'ü', 'r/x', '*', 'xdstp://x/y?b=1&a=2', 'xdstp://x/y?a=2&b=1'),
  {
    maxLength: 6,
  },
);
const step = fc.record({
  typeUrl: fc.constantFrom(...types),
  subscribe: names,
  unsubscribe: names,
  versions: fc.dictionary(fc.constantFrom('a', 'b', 'gone'), fc.constantFrom('1', 'longer'), { maxKeys: 3 }),
  answer: fc.constantFrom('ack', 'nack', 'none'),
});

test.each(['delta', 'sotw'] as const)(
  'T8 what is counted is what is subscribed, whatever was said before: %s',
  (variant) => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        let state = advance(openStream(variant), served);
        for (const { typeUrl, subscribe, unsubscribe, versions, answer } of steps) {
          const flight = answer === 'none' ? undefined : flightOf(state, typeUrl);
          const nonce = flight?.nonce ?? '';
          const error = answer === 'nack' ? 'no' : undefined;
          state =
            variant === 'sotw'
              ? stepSotw(state, typeUrl, { nonce, version: flight?.version ?? '', error, names: subscribe }, 0).state
              : stepDelta(
                  state,
                  typeUrl,
                  { nonce, error, subscribe, unsubscribe, initialVersions: new Map(Object.entries(versions)) },
                  0,
                );
          state = advance(state, served);
          for (const { names, namesCost } of state.subscriptions) expect(namesCost).toBe(costOfNames(keysOf(names)));
        }
      }),
      { numRuns: 500 },
    );
  },
);

test('T8 the versions that a client comes with count until its first answers are acknowledged', () => {
  const initialVersions = new Map([
    ['a', 'old'],
    ['unsubscribed', 'of an earlier stream'],
  ]);
  const say = (state: StreamState, nonce: string, versions = noVersions, subscribe: readonly string[] = []) => {
    const request = { nonce, error: undefined, subscribe, unsubscribe: [], initialVersions: versions };
    return advance(stepDelta(state, endpointType, request, 0), served);
  };
  const counted = ({ subscriptions }: StreamState) => subscriptions.map(({ claimsCost }) => claimsCost);
  const claims = costOfNames([...initialVersions].flat()) - costOfNames(['', '']);
  const came = say(openStream('delta'), '', initialVersions, ['a']);
  expect(counted(came)).toEqual([claims]);
  // Requests that acknowledge nothing change nothing.
  expect(counted(say(came, 'another'))).toEqual([claims]);
  expect(counted(say(came, flightOf(came, endpointType)?.nonce ?? ''))).toEqual([0]);
});
