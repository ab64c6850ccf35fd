import { Failure } from '../model/failure.ts';
import type { Millis } from '../model/policy.ts';

/** A root that is trusted. */
export interface RootSlot {
  /** SHA-256 of its DER, lower-case hex. */
  readonly fingerprint: string;
  /** PEM. */
  readonly certificate: string;
  readonly trustDomain: string;
  readonly notBefore: Millis;
  readonly notAfter: Millis;
  /** `made` by this authority, or `imported` from files. */
  readonly source: 'made' | 'imported';
}

/**
 * How far a change of root has come. `steady`: one root. `prepared`: the next root is trusted, too, nothing is signed under it.
 * `activated`: it signs, leaves under the former one are still about. `returning`: the former one signs again (an `abort` after
 * `activate`), leaves under the next one are still about. With deadlines the other root, or in `prepared` the one that signs, is compromised.
 */
export type RootPhase = 'steady' | 'prepared' | 'activated' | 'returning';

/** What is trusted, and what signs. One root when steady, two otherwise: `current` and `next` of the rotation. */
export interface RootState {
  /** Counts changes, so that an answer about an older state is recognised. */
  readonly generation: number;
  readonly phase: RootPhase;
  /** The one whose issuer signs; always trusted. */
  readonly signing: RootSlot;
  /** The other one that is trusted: it is to sign (prepared), or to be forgotten (activated, returning). */
  readonly other?: RootSlot;
  /** Who began the rotation, and when. */
  readonly begun?: { readonly at: Millis; readonly by: string };
  /** Of a root that is compromised: it goes on by itself at these times, whoever has not acknowledged. */
  readonly deadlines?: { readonly activate: Millis; readonly finish: Millis };
  /** Fingerprint of the last compromised root that nobody trusts any more. */
  readonly distrusted?: string;
}

/** `pending` names each live proxy that has not yet shown what the step asks for; an empty list is the proof. */
export type RootInput =
  /** Trust `root` beside the present one; it is needed where none is prepared yet (`needsRoot`). */
  | { readonly kind: 'prepare'; readonly now: Millis; readonly by: string; readonly root?: RootSlot }
  /** Sign under the next root. `pending`: who has not acknowledged the bundle with both. */
  | { readonly kind: 'activate'; readonly now: Millis; readonly pending: readonly string[] }
  /** Forget the root that does not sign. `pending`: who has not acknowledged the bundle, or holds a leaf under it. */
  | { readonly kind: 'finish'; readonly now: Millis; readonly pending: readonly string[] }
  | { readonly kind: 'abort'; readonly now: Millis }
  /**
   * The root with this fingerprint is in wrong hands: nobody trusts it after `distrustedAfter`, with proof or without. `root` is the next
   * one; it is needed only where no other is trusted yet.
   */
  | {
      readonly kind: 'compromised';
      readonly now: Millis;
      readonly by: string;
      readonly fingerprint: string;
      readonly root?: RootSlot;
    }
  | { readonly kind: 'tick'; readonly now: Millis };

/** From the word that a root is compromised: the next one signs after a third of it at the latest, the old one is gone at its end. */
export const distrustedAfter: Millis = 30_000;

/** The first state of an authority, and the one after all that was trusted has ended. */
export function firstRoots(root: RootSlot, generation = 1): RootState {
  return { generation, phase: 'steady', signing: root };
}

/** Every root that is trusted now, the longest trusted first. */
export function trustedRoots({ phase, signing, other }: RootState): readonly RootSlot[] {
  if (other === undefined) return [signing];
  return phase === 'activated' ? [other, signing] : [signing, other];
}

/**
 * One step of the rotation of roots: no clocks, files or keys. Between two states the set of trusted roots and the one that signs never
 * change both: a leaf is always under a root that was trusted before it was signed, and no root is forgotten before the leaves under it
 * are replaced (only a compromised one is, at its deadline). A step that is done already gives the same state (===): each may be repeated
 * after a crash. What cannot be done is a Failure WEFT0306, and who is awaited stands in it.
 */
export function step(state: RootState, input: RootInput): RootState | Failure {
  switch (input.kind) {
    case 'prepare':
      return prepare(state, input);
    case 'activate':
      return activate(state, input.pending);
    case 'finish':
      return finish(state, input.pending);
    case 'abort':
      return abort(state);
    case 'compromised':
      return distrust(state, input);
    case 'tick':
      return tick(state, input.now);
    default:
      return input satisfies never;
  }
}

type Input<K extends RootInput['kind']> = Extract<RootInput, { kind: K }>;

function prepare(state: RootState, { root, now, by }: Input<'prepare'>): RootState | Failure {
  const hasEnded = state.signing.notAfter <= now;
  if (!hasEnded && state.phase === 'prepared') return state;
  if (!hasEnded && state.phase !== 'steady') {
    return cannot('prepare', 'another change of root is not over', 'finish it: weft cert rotate --root --step finish');
  }
  if (root === undefined) return cannot('prepare', 'there is no next root');
  if (root.fingerprint === state.signing.fingerprint) return cannot('prepare', 'this root signs already');
  if (!isValid(root, now)) return cannot('prepare', 'the next root is not valid now', 'compare the clocks');
  // Under a root that has ended nobody holds a leaf that is valid, so nothing is to be kept alive: the one case in which both change (F11).
  if (hasEnded) return alone(root, state);
  return { ...next(state), phase: 'prepared', other: root, begun: { at: now, by } };
}

function activate(state: RootState, pending: readonly string[]): RootState | Failure {
  const { phase, signing, other, deadlines } = state;
  if (phase === 'activated') return state;
  if (phase === 'returning' && deadlines !== undefined) return givesBack('activate', deadlines.finish);
  if (other === undefined)
    return cannot('activate', 'no next root is trusted', 'begin: weft cert rotate --root --step prepare');
  if (pending.length > 0) return awaited('activate', 'acknowledged the next root', pending);
  return { ...next(state), phase: 'activated', signing: other, other: signing };
}

function finish(state: RootState, pending: readonly string[]): RootState | Failure {
  const { phase, signing, other, deadlines } = state;
  if (phase === 'steady') return state;
  if (phase === 'prepared')
    return cannot('finish', 'the next root does not sign yet', 'weft cert rotate --root --step activate');
  if (pending.length > 0) return awaited('finish', 'left the root that is to go', pending);
  return alone(signing, deadlines === undefined ? state : { ...state, distrusted: other?.fingerprint });
}

function abort(state: RootState): RootState | Failure {
  const { phase, signing, other, deadlines } = state;
  // There is no way back to a root in wrong hands (F10): not while it goes, and afterwards nothing of it is left.
  if (deadlines !== undefined && (phase === 'prepared' || phase === 'activated')) {
    return givesBack('abort', deadlines.finish);
  }
  // Nothing was ever signed under a root that was only prepared: nobody misses it.
  if (phase === 'prepared') return alone(signing, state);
  if (phase !== 'activated' || other === undefined) return state;
  return { ...next(state), phase: 'returning', signing: other, other: signing };
}

function distrust(state: RootState, { fingerprint, root, now, by }: Input<'compromised'>): RootState | Failure {
  const { phase, signing, other } = state;
  if (state.deadlines !== undefined && isReplacement(state, fingerprint)) {
    return cannot(
      'distrust',
      'the other root is compromised as well, and would sign again',
      `repeat this after ${new Date(state.deadlines.finish).toISOString()}, when that one is gone: a new root is made then`,
    );
  }
  const deadlines = { activate: now + distrustedAfter / 3, finish: now + distrustedAfter };
  if (fingerprint === signing.fingerprint) {
    if (other !== undefined && phase !== 'prepared') {
      // Both are trusted by all, and leaves are about under both: the other one signs at once.
      return {
        ...next(state),
        phase: phase === 'activated' ? 'returning' : 'activated',
        signing: other,
        other: signing,
        deadlines,
      };
    }
    if (other !== undefined) return state.deadlines === undefined ? { ...next(state), deadlines } : state;
    if (root === undefined) return cannot('distrust', 'there is no other root to sign with');
    const prepared = prepare(state, { kind: 'prepare', now, by, root });
    return prepared instanceof Failure || prepared.phase === 'steady' ? prepared : { ...prepared, deadlines };
  }
  if (fingerprint !== other?.fingerprint) return cannot('distrust', 'no root of this fingerprint is trusted');
  if (phase === 'prepared') return abort(state);
  return state.deadlines === undefined ? { ...next(state), deadlines } : state;
}

function tick(state: RootState, now: Millis): RootState {
  const { phase, deadlines } = state;
  if (deadlines === undefined) return state;
  if (phase === 'prepared' && isDue(deadlines.activate, now)) return settled(activate(state, []), state);
  if (phase !== 'prepared' && isDue(deadlines.finish, now)) return settled(finish(state, []), state);
  return state;
}

function givesBack(name: string, gone: Millis): Failure {
  return cannot(
    name,
    `a root is compromised, and ${name} would give it back`,
    `let it go: nobody trusts it after ${new Date(gone).toISOString()}; weft cert rotate --root tells how far that is`,
  );
}

/** Whether this is the root that takes the place of a compromised one. */
function isReplacement({ phase, signing, other }: RootState, fingerprint: string): boolean {
  return fingerprint === (phase === 'prepared' ? other : signing)?.fingerprint;
}

/** True if this step needs a root that is not trusted yet. */
export function needsRoot(state: RootState, input: Pick<RootInput, 'kind' | 'now'>): boolean {
  if (input.kind === 'prepare') return state.phase === 'steady' || state.signing.notAfter <= input.now;
  return input.kind === 'compromised' && state.phase === 'steady';
}

/** When the next tick has something to do; undefined: never. */
export function rootWakeAt({ phase, deadlines }: RootState): Millis | undefined {
  if (deadlines === undefined || phase === 'steady') return undefined;
  return phase === 'prepared' ? deadlines.activate : deadlines.finish;
}

/** A deadline that lies farther away than any is set was set by a clock that has been put back since (F22): it is due. */
function isDue(deadline: Millis, now: Millis): boolean {
  return deadline <= now || deadline - now > distrustedAfter;
}

function isValid({ notBefore, notAfter }: RootSlot, now: Millis): boolean {
  return notBefore <= now && now < notAfter;
}

function next(state: RootState): RootState {
  return { ...state, generation: state.generation + 1 };
}

/** One root again. */
function alone(root: RootSlot, { generation, distrusted }: RootState): RootState {
  return { ...firstRoots(root, generation + 1), ...(distrusted !== undefined && { distrusted }) };
}

function settled(stepped: RootState | Failure, state: RootState): RootState {
  return stepped instanceof Failure ? state : stepped;
}

const mostNamed = 20;

function awaited(name: string, what: string, pending: readonly string[]): Failure {
  const more = pending.length > mostNamed ? ` and ${pending.length - mostNamed} more` : '';
  return cannot(
    name,
    `not every live proxy has ${what}; ${pending.length} to go: ${pending.slice(0, mostNamed).join(', ')}${more}`,
    'wait, or stop those proxies, and repeat the step; weft proxies tells what each of them holds',
  );
}

function cannot(name: string, why: string, hint = 'weft cert list shows the roots and the phase'): Failure {
  return new Failure('WEFT0306', `cannot ${name}: ${why}`, hint);
}
