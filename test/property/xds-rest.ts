import { keysOf, valueOf } from '../../src/xds/persistent-map.ts';
import { isStandIn } from '../../src/xds/resource.ts';
import { clusterType, endpointType, runtimeType, virtualHostType } from '../../src/xds/resource-types.ts';
import type { Held } from '../../src/xds/subscription.ts';
import { isWhole } from './xds-client-model.ts';
import type { History } from './xds-history.ts';
import { edsNames, keyOf, meshTypes, namesOfType, slots } from './xds-mesh.ts';
import type { Model } from './xds-model.ts';

/** Lets everything come to rest: all answered, and every moment passed at which the server wants to look again. */
export function settle(model: Model, seed: number): void {
  if (!model.online) model.connect(0, true);
  let beats = 0;
  for (let round = 0; round < 400; round += 1) {
    const { responses } = model;
    model.drain();
    const waiting = [...model.ledgers].filter(([, { outstanding }]) => outstanding !== undefined);
    for (const [typeUrl] of waiting) model.answer(typeUrl, seed + round);
    if (waiting.length > 0 || responses !== model.responses) {
      if (waiting.some(([typeUrl]) => model.ledger(typeUrl).outstanding !== undefined) || model.responses !== responses)
        beats = 0;
      continue;
    }
    if (!Number.isFinite(model.wake)) {
      stayQuiet(model);
      return;
    }
    // With heartbeats there is always a next moment; when nothing but these came for a while, that is rest.
    beats += 1;
    if (beats > 24) return;
    checkHeartbeats(model);
    model.wait(Math.max(1, model.wake - model.now));
  }
  throw new Error('INV1 does not come to rest');
}

/** X108: while the mesh changes without end, and everything is answered soon, heartbeats come in time. */
export function churn(history: History, whim: number): void {
  const changing = meshTypes.map((typeUrl) => slots.findIndex((slot) => slot.typeUrl === typeUrl));
  history.each((model) => {
    if (!model.online) model.connect(0, true);
  });
  for (let round = 0; round < 16; round += 1) {
    const { targets } = history.intent;
    history.run({
      kind: 'tweak',
      tweaks: changing.map((at) => ({ at, mark: 1 + (round % 3), target: targets[at] ?? 0 })),
    });
    history.each((model) => {
      for (const typeUrl of meshTypes) model.answer(typeUrl, whim + round);
      model.wait(200);
      // What had not been answered for long before may be late at first.
      if (round > 7) checkHeartbeats(model);
    });
  }
}

/** X108: a client that holds a resource with a TTL, and answers at once, hears of it before it would forget it. */
function checkHeartbeats(model: Model): void {
  for (const { typeUrl, name, ttl, text } of model.world.items.values()) {
    const isHeld = model.interest(typeUrl).cache.get(name)?.text === text;
    // X109: to Envoy a virtual host without content is one that does not exist.
    if (ttl === undefined || typeUrl === virtualHostType || !isHeld || !model.ledger(typeUrl).accepted.has(name))
      continue;
    const since = model.now - (model.heard.get(keyOf(typeUrl, name)) ?? 0);
    if (since > ttl) throw new Error(`X108 ${keyOf(typeUrl, name)} was not heard of for ${since} ms`);
  }
}

/** The server said that it never wants to look again, so it must have nothing to say. */
function stayQuiet(model: Model): void {
  const { responses, heartbeats } = model;
  model.wait(3_600_000);
  if (model.responses !== responses || model.heartbeats !== heartbeats)
    throw new Error('INV1 X62 something is sent after rest');
}

/** The client or an equal one refuses what stands there. */
export function isBarred(model: Model, typeUrl: string, name: string): boolean {
  const { items, refusedElsewhere } = model.world;
  const item = items.get(keyOf(typeUrl, name));
  return item !== undefined && (item.bad || refusedElsewhere.has(`${keyOf(typeUrl, name)} ${item.text}`));
}

/** What may differ from the newest view at rest. */
function isUnsettled(model: Model, typeUrl: string, name: string): boolean {
  return isKeptBack(model, typeUrl, name) || isKeptAsItIs(model, typeUrl);
}

function isKeptBack(model: Model, typeUrl: string, name: string): boolean {
  if (isBarred(model, typeUrl, name)) return true;
  if (typeUrl === clusterType || !isKeptAsItIs(model, clusterType)) return false;
  // A listener or route waits for its clusters, and these do not come.
  const references = model.world.items.get(keyOf(typeUrl, name))?.references ?? [];
  return references.some((to) => to.typeUrl === clusterType);
}

/**
 * Decision 20: a SotW client that came back and took no set yet holds who knows what, so it is sent no set that lacks anything: it stays at
 * what it holds until nothing is kept back.
 */
function isKeptAsItIs(model: Model, typeUrl: string): boolean {
  if (model.variant !== 'sotw' || !isWhole(typeUrl) || model.ledgers.get(typeUrl)?.isOfUnknownHoldings !== true)
    return false;
  return namesOfType(typeUrl).some((name) => isKeptBack(model, typeUrl, name) || isMissed(model, typeUrl, name));
}

/** Gone, referred to by what the client holds, and not taken on this stream: it would have to stay, and its form is not known. */
function isMissed(model: Model, typeUrl: string, name: string): boolean {
  if (model.world.items.has(keyOf(typeUrl, name)) || model.ledgers.get(typeUrl)?.accepted.has(name) === true)
    return false;
  return model.isReferredTo(typeUrl, name);
}

/** INV1: the cache is the view, but for what is refused and for what is in use. */
export function checkConvergence(model: Model): void {
  for (const typeUrl of meshTypes) {
    const interest = model.interest(typeUrl);
    const isLasting =
      model.variant === 'sotw' &&
      (!isWhole(typeUrl) || namesOfType(typeUrl).some((name) => isUnsettled(model, typeUrl, name)));
    for (const name of namesOfType(typeUrl)) {
      if (!interest.wants(name) || isUnsettled(model, typeUrl, name)) continue;
      const item = model.world.items.get(keyOf(typeUrl, name));
      const held = interest.cache.get(name);
      const where = `INV1 ${keyOf(typeUrl, name)} is ${held?.text}, should be ${item?.text}`;
      if (item !== undefined && held?.text !== item.text) throw new Error(where);
      // SotW: absence deletes nothing (X52); a message without content stands for nothing (X90, X115).
      if (item === undefined && held?.text !== undefined && !isLasting && !isInUse(model, typeUrl, name))
        throw new Error(where);
    }
  }
}

/** What is gone stays while something that the client holds refers to it, and endpoints while their cluster does. */
function isInUse(model: Model, typeUrl: string, name: string): boolean {
  if (typeUrl === endpointType)
    return Object.entries(edsNames).some(
      ([cluster, endpoints]) =>
        endpoints === name &&
        !model.world.items.has(keyOf(clusterType, cluster)) &&
        model.interest(clusterType).cache.has(cluster),
    );
  if (model.isReferredTo(typeUrl, name)) return true;
  // While newest content is refused the client may hold an earlier form of it, which the server cannot know.
  const referrers = model.referrers.get(keyOf(typeUrl, name))?.values() ?? [];
  return [...referrers].some(([from, holder]) => isUnsettled(model, from, holder));
}

/** INV12: every name that was asked for is answered, where the variant has an answer. */
export function checkAnswers(model: Model): void {
  for (const [typeUrl, ledger] of model.ledgers)
    for (const name of ledger.asked) {
      // What waits for a cluster that cannot be sent is answered with what the client accepted before.
      const known = ledger.accepted.has(name);
      const barred = isBarred(model, typeUrl, name);
      if (!barred && isUnsettled(model, typeUrl, name) && !known) continue;
      // Refused by all and with no good form, it is as if it did not exist (M4, X90).
      const exists = model.world.items.has(keyOf(typeUrl, name)) && !barred;
      // What is gone, still in use, and known to this stream by its version only, can neither be sent nor be removed.
      if (!exists && !known && isInUse(model, typeUrl, name)) continue;
      // SotW has no word for a name that does not exist, but for endpoints and runtime layers.
      const has = exists || model.variant === 'delta' || typeUrl === endpointType || typeUrl === runtimeType;
      if (has) throw new Error(`INV12 ${keyOf(typeUrl, name)} was asked for and never answered`);
    }
}

/** INV9: every EDS cluster that was sent is followed by its endpoints. */
export function checkEndpoints(model: Model): void {
  for (const name of model.order.endpointsOwed) {
    if (isUnsettled(model, endpointType, name)) continue;
    const exists = model.world.items.has(keyOf(endpointType, name));
    if (!exists && model.variant === 'sotw') continue;
    // What is gone with its cluster, which is still in use, and was never accepted here, can neither be sent nor be removed.
    const known = model.ledger(endpointType).accepted.has(name);
    if (!exists && !known && isInUse(model, endpointType, name)) continue;
    throw new Error(`INV9 the cluster of ${name} was sent, and not its endpoints after it`);
  }
}

/** INV10: what the server keeps for a client at rest is bounded by what the client asked for and what cannot be sent. */
export function checkMemory(model: Model): void {
  for (const { state } of model.streams)
    for (const subscription of state.subscriptions) {
      const { type, names, pending, isolated, suspects, waiting, differs, refused, inFlight } = subscription;
      const bound = namesOfType(type.typeUrl).length;
      const sizes = [names.size, pending.size, isolated.size, waiting.size, differs.size, refused.size];
      if (sizes.some((size) => size > bound)) throw new Error(`INV10 the state of ${type.typeUrl} grows: ${sizes}`);
      // A client that came back, and holds who knows what, keeps what it has: those stand (M3).
      if (suspects !== undefined && suspects.guilty.length + suspects.others.length > 0)
        throw new Error('INV10 somebody is still a suspect at rest');
      if (inFlight !== undefined) throw new Error('INV10 a flight that nobody knows of');
      for (const { versions } of refused.values())
        if (versions.length > 8) throw new Error('INV10 refused versions pile up');
      const excuses = [...keysOf(differs)].filter(
        (name) => !isUnsettled(model, type.typeUrl, name) && !isInUse(model, type.typeUrl, name),
      );
      const lasting = excuses.filter(
        (name) =>
          model.world.items.has(keyOf(type.typeUrl, name)) ||
          (model.variant === 'delta' && !isNothing(valueOf(differs, name))),
      );
      if (lasting.length > 0) throw new Error(`INV10 at rest ${keyOf(type.typeUrl, lasting.join())} still differs`);
    }
}

/** Whether it stands for what does not exist (X111, X115). */
function isNothing(held: Held | 'nothing' | undefined): boolean {
  return held !== undefined && held !== 'nothing' && isStandIn(held);
}

/** INV11: what clients of all variants hold of what is settled for all of them, equal in content and version. */
export function checkSameView(models: readonly Model[]): void {
  const [first, ...others] = models;
  if (first === undefined) return;
  for (const typeUrl of meshTypes)
    for (const name of namesOfType(typeUrl)) {
      if (models.some((model) => isUnsettled(model, typeUrl, name) || !model.interest(typeUrl).wants(name))) continue;
      if (!first.world.items.has(keyOf(typeUrl, name))) continue;
      const version = first.interest(typeUrl).cache.get(name)?.version;
      for (const other of others)
        if (other.interest(typeUrl).cache.get(name)?.version !== version)
          throw new Error(`INV11 ${keyOf(typeUrl, name)} differs between ${first.label} and ${other.label}`);
    }
}

/** INV11, M7: on another instance the versions are the same, so a client that returns there is sent nothing that it has. */
export function checkOtherInstance(model: Model): void {
  const isClean = (typeUrl: string) =>
    namesOfType(typeUrl).every((name) => !isUnsettled(model, typeUrl, name) && !isInUse(model, typeUrl, name));
  const clean = new Set(meshTypes.filter(isClean));
  // Who refused a part of the last set, and holds what is wanted, keeps the version of the set before.
  const ofSets = meshTypes.filter((typeUrl) => model.ledgers.get(typeUrl)?.isSetAccepted === true);
  const versions = new Map(ofSets.map((typeUrl) => [typeUrl, model.interest(typeUrl).ackedVersion]));
  const caches = new Map(meshTypes.map((typeUrl) => [typeUrl, new Map(model.interest(typeUrl).cache)]));
  const { responses } = model;
  model.connect(1, true);
  settle(model, 0);
  const all = clean.size === meshTypes.length;
  if (model.variant === 'delta' && all && model.responses > responses && hadAll(model, caches))
    throw new Error('INV11 M7 another instance sends something to a client that has everything');
  for (const typeUrl of meshTypes) {
    if (!clean.has(typeUrl)) continue;
    const interest = model.interest(typeUrl);
    for (const [name, { version }] of caches.get(typeUrl) ?? [])
      if (model.world.items.has(keyOf(typeUrl, name)) && interest.cache.get(name)?.version !== version)
        throw new Error(`INV11 ${keyOf(typeUrl, name)} has another version on another instance`);
    if (
      model.variant === 'sotw' &&
      isWhole(typeUrl) &&
      interest.wildcard &&
      versions.has(typeUrl) &&
      interest.ackedVersion !== versions.get(typeUrl)
    )
      throw new Error(`INV11 the set of ${typeUrl} has another version on another instance`);
  }
}

function hadAll(model: Model, caches: ReadonlyMap<string, ReadonlyMap<string, unknown>>): boolean {
  return meshTypes.every((typeUrl) => {
    const interest = model.interest(typeUrl);
    if (interest.isEmpty) return true;
    // A wildcard that comes with nothing at all has to hear that there is nothing.
    if (interest.wildcard && caches.get(typeUrl)?.size === 0) return false;
    return [...interest.names].every((name) => caches.get(typeUrl)?.has(name) === true);
  });
}
