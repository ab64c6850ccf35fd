import { byPosition, type Diagnostic } from '../model/diagnostic.ts';
import type { PolicySet } from '../model/policy.ts';
import { unsilenced } from '../policy/silencers.ts';
import type { CheckTree } from './policy-source.ts';

/** What is to be said of new policies beside those that are served until then. */
export type Foresee = (policies: PolicySet, served: PolicySet) => readonly Diagnostic[];

/**
 * A check that also says what a good commit would do to the mesh as it runs. It is found once, while the policies before are served, and
 * stays said of that commit.
 */
export function foreseeing(check: CheckTree, served: () => PolicySet | undefined, foresee: Foresee): CheckTree {
  let known: { readonly commit: string; readonly found: readonly Diagnostic[] } | undefined;
  return async (...asked) => {
    const checked = await check(...asked);
    const { policies, diagnostics, silencers } = checked;
    const before = served();
    if (policies === undefined || before === undefined) return checked;
    if (policies.commit !== before.commit && policies.commit !== known?.commit)
      known = { commit: policies.commit, found: unsilenced(foresee(policies, before), silencers) };
    const found = known?.commit === policies.commit ? known.found : [];
    return found.length === 0 ? checked : { ...checked, diagnostics: [...diagnostics, ...found].sort(byPosition) };
  };
}
