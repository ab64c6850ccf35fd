import { Failure } from '../model/failure.ts';
import type { Millis } from '../model/policy.ts';
import { firstRoots, type RootInput, type RootState, step } from './root-rotation.ts';
import type { AuthorityState } from './root-state-file.ts';
import type { TrustedRoot } from './trusted-root.ts';

/** What a person asks of the roots. `pending` is asked at the moment of the step: who is awaited still. */
export type RootStep =
  | { readonly kind: 'prepare'; readonly by: string }
  | { readonly kind: 'activate' | 'finish'; readonly pending: () => readonly string[] }
  | { readonly kind: 'abort' }
  /** `fingerprint`: which root is in wrong hands; absent: the one that signs, or signed before a rotation that is not over. */
  | { readonly kind: 'compromised'; readonly by: string; readonly fingerprint?: string };

/** What the machine is told: `pending` is asked now. */
export function inputOf({ phase, signing, other }: RootState, asked: RootStep, now: Millis): RootInput {
  switch (asked.kind) {
    case 'prepare':
    case 'abort':
      return { ...asked, now };
    case 'activate':
    case 'finish':
      return { kind: asked.kind, now, pending: asked.pending() };
    case 'compromised': {
      const old = phase === 'activated' || phase === 'returning' ? other : signing;
      return { kind: asked.kind, by: asked.by, now, fingerprint: asked.fingerprint ?? (old ?? signing).fingerprint };
    }
    default:
      return asked satisfies never;
  }
}

/** The machine's next state. Throws its Failure WEFT0306. */
export function stepped(state: RootState, input: RootInput): RootState {
  const next = step(state, input);
  if (next instanceof Failure) throw next;
  return next;
}

export function withParts(parts: AuthorityState['parts'], added: readonly TrustedRoot[]): AuthorityState['parts'] {
  return new Map([...parts, ...added.map((root) => [root.slot.fingerprint, root] as const)]);
}

/** An issuing certificate from outside that follows another under the same root is taken over at the start. */
export function renewedIssuer(state: AuthorityState, imported: TrustedRoot | undefined): AuthorityState {
  const known = imported && state.parts.get(imported.slot.fingerprint);
  if (!imported?.issuer || known?.slot.source !== 'imported') return state;
  if (known.issuer?.certificate.fingerprint === imported.issuer.certificate.fingerprint) return state;
  return { ...state, parts: withParts(state.parts, [{ ...known, issuer: imported.issuer }]) };
}

export function withRoot(root: TrustedRoot): AuthorityState {
  return { roots: firstRoots(root.slot), parts: new Map([[root.slot.fingerprint, root]]) };
}
