import { runGit } from '../policy/git.ts';

/** So many answers are remembered: what comes after what never changes. */
const remembered = 1_000;

/**
 * Whether a commit of a repository is another one, or comes after it. Ids in full or in short, with or without `+edits`; of an id that the
 * repository does not have: no.
 */
export function createCommitOrder(location: string): (commit: string, earlier: string) => Promise<boolean> {
  const known = new Map<string, boolean>();
  return async (commit, earlier) => {
    const [newer, older] = [commit, earlier].map((id) => id.split('+')[0] ?? '');
    if (![newer, older].every((id) => id !== undefined && /^[0-9a-f]{4,64}$/.test(id))) return false;
    const key = `${older} ${newer}`;
    const before = known.get(key);
    if (before !== undefined) return before;
    const { status } = await runGit(location, ['merge-base', '--is-ancestor', `${older}`, `${newer}`]);
    // Anything else than yes and no: an id that may still come, by a fetch.
    if (status > 1) return false;
    if (known.size >= remembered) known.clear();
    known.set(key, status === 0);
    return status === 0;
  };
}
