import type { ProxyStatus, RevisionStatus } from '../model/status.ts';
import type { AdminSource } from './admin-source.ts';
import { idOf } from './own-view.ts';
import { pendingWords } from './pending-words.ts';

/** How far a commit is. */
export interface CommitAnswer {
  /** As it was asked for. */
  readonly id: string;
  /** `served`: every connected proxy has acknowledged what it says, or a later commit does. `never`: that needs another commit. */
  readonly state: 'served' | 'waiting' | 'never';
  /** Why not, in words; absent where it is served. */
  readonly reason?: string;
  /** The proxies that are waited for, `<name>.<namespace>`; empty where something else is. */
  readonly waitingFor: readonly string[];
}

/**
 * Whether a commit is served, or a later one that it is part of, and every connected proxy has acknowledged all that this one says. `commit`
 * is an id in full or in short. All is read at one moment; only what git knows is asked for afterwards. Health is another question.
 */
export async function commitAnswer(source: AdminSource, commit: string): Promise<CommitAnswer> {
  const { status } = source.policies();
  const proxies = source.proxies();
  const { serving, pending } = status;
  const has = (known: string) => includes(source, known, commit);
  const waiting = (reason: string, waitingFor: readonly string[] = []) =>
    ({ id: commit, state: 'waiting', reason, waitingFor }) as const;
  const never = (reason: string) => ({ id: commit, state: 'never', reason, waitingFor: [] }) as const;
  if (pending?.state === 'Rejected' && isSame(pending.commit, commit)) return never('it was rejected');
  if (serving === undefined) return waiting('nothing is served yet');
  if (!(await has(serving.commit))) return waiting(`${serving.commit} is served`);
  const held = await heldBack(serving, has);
  if (held.length > 0) {
    const reason = `it is held back in ${held.join(', ')}`;
    return isSame(serving.commit, commit) ? never(reason) : waiting(reason);
  }
  const late: ProxyStatus[] = [];
  for (const proxy of proxies) if (proxy.status !== 'SYNCED' || !(await has(proxy.revision.serving))) late.push(proxy);
  if (late.length === 0) return { id: commit, state: 'served', waitingFor: [] };
  return waiting(pendingWords(late).join(', '), late.map(idOf));
}

/** The namespaces in which what is served does not have the commit. */
async function heldBack(
  { held = [] }: RevisionStatus,
  has: (commit: string) => Promise<boolean>,
): Promise<readonly string[]> {
  const names: string[] = [];
  for (const { namespace, commit } of held) if (commit === undefined || !(await has(commit))) names.push(namespace);
  return names;
}

/** Whether `known`, a commit with or without edits, is the asked one or comes after it. */
async function includes(source: AdminSource, known: string, asked: string): Promise<boolean> {
  return isSame(known, asked) || (known !== '' && (await source.includes(known, asked)));
}

/** Ids may be shortened on both sides. Uncommitted edits stand on their commit. */
function isSame(known: string, asked: string): boolean {
  const [id = ''] = known.split('+');
  return id !== '' && (asked.startsWith(id) || id.startsWith(asked));
}
