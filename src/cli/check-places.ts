import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createTreeCheck, type TreeCheckOptions, treeCheckSteps } from '../control-plane/check-tree.ts';
import { createSecretReader, secretNames } from '../control-plane/named-secrets.ts';
import type { CheckedTree } from '../control-plane/policy-source.ts';
import { checkedWith } from '../control-plane/registry-knowledge.ts';
import { meshSettings, readSettings, type Settings, type SettingValues } from '../control-plane/settings.ts';
import { Failure } from '../model/failure.ts';
import type { MeshSettings } from '../model/mesh.ts';
import type { PolicySet } from '../model/policy.ts';
import type { RegistryKnowledge } from '../model/registry-knowledge.ts';
import { finish } from '../model/steps.ts';
import type { Workload } from '../model/workload.ts';
import { type PolicyTree, readCommit } from '../policy/git-tree.ts';
import type { KnownSecrets } from '../policy/references/reference-scope.ts';
import { isJsonSchema } from '../policy/tree-rules.ts';
import { readWorkingTree } from '../policy/working-tree.ts';
import type { PolicyPlace } from './policy-place.ts';

/** A tree that was read and checked, with the settings that it was checked by. */
export interface CheckedPlaces extends CheckedTree {
  readonly tree: PolicyTree;
  readonly settings: MeshSettings;
  readonly values: SettingValues;
  /** The commit that a server serves and this repository does not have, so that who is let in anew is not known (WEFT0171). */
  readonly uncompared?: string;
}

/**
 * Reads the one tree that all `places` share and checks it whole, as the server would; `joined`: the workloads that are connected now,
 * undefined where that is not known; `secrets`: what the server is known to have, whatever the weft.yaml here says; `knowledge`: what
 * else the server judges by. Throws Failure WEFT0912
 * for a place without a policy file.
 */
export async function checkPlaces(
  places: readonly PolicyPlace[],
  revision?: string,
  joined?: ReadonlyMap<string, Workload>,
  secrets?: 'unset',
  knowledge?: RegistryKnowledge,
): Promise<CheckedPlaces> {
  const [{ repository = '', root, settings } = {}] = places;
  const tree = await readTree(repository, root, places, revision);
  const known = settings ?? readSettings(undefined);
  const mesh = meshSettings(known);
  const reading = {
    settings: mesh,
    ...(settings && { trustDomain: settings.values.trustDomain }),
    folders: root === undefined ? 'free' : (settings?.values['policy.folders'] ?? 'namespace'),
    root: root ?? '.',
    joined: () => joined,
  } as const;
  const marked = root === undefined ? undefined : knowledge?.marked;
  const servedElsewhere = marked && (await servedThere(reading, repository, marked));
  const checked = createTreeCheck({
    ...reading,
    ...(servedElsewhere && { widening: 'marked', servedElsewhere }),
    ...(knowledge && checkedWith(knowledge)),
    secrets: () => secrets ?? knownSecrets(known),
  })(tree);
  requirePolicies(places, tree);
  const isUncompared = marked !== undefined && servedElsewhere === undefined;
  return { ...checked, tree, settings: mesh, values: known.values, ...(isUncompared && { uncompared: marked.commit }) };
}

/** What a server serves, read here; undefined where this repository has not got that commit. */
async function servedThere(
  reading: TreeCheckOptions & { readonly root: string },
  repository: string,
  { commit, held }: NonNullable<RegistryKnowledge['marked']>,
): Promise<PolicySet | undefined> {
  // Edits that are not committed lie where the server is.
  const read = (of: string) => readCommit(repository, of.replace(/\+edits$/, ''), reading.root);
  try {
    const trees = new Map<string, PolicyTree | undefined>();
    for (const { namespace, commit: of } of held) trees.set(namespace, of === undefined ? undefined : await read(of));
    const check = treeCheckSteps(reading);
    return finish(check(await read(commit), 'unknown', trees.size === 0 ? undefined : trees)).policies;
  } catch (error) {
    if (error instanceof Failure && (error.code === 'WEFT0961' || error.code === 'WEFT0962')) return undefined;
    throw error;
  }
}

/** What is known of them where the folder of secrets may be on another machine. */
function knownSecrets({ values, folder }: Settings): KnownSecrets {
  const directory = resolve(folder, values['secrets.directory']);
  if (values['secrets.directory'] === '' || !existsSync(directory)) return 'elsewhere';
  return secretNames(createSecretReader(directory, Date.now)().secrets);
}

/** True for a file that a place names, itself or by a folder; one outside of the policies is named by what holds them. */
export function covers({ part }: PolicyPlace, file: string): boolean {
  return part === '' || file === part || file.startsWith(`${part}/`);
}

/** Nothing to check is no good news: each asked path holds a policy file, or one that was refused. Throws Failure WEFT0912. */
function requirePolicies(places: readonly PolicyPlace[], tree: PolicyTree): void {
  const present = [...tree.files.map(({ path }) => path), ...tree.diagnostics.map(({ at }) => at.file)];
  for (const place of places) {
    if (present.some((file) => covers(place, file))) continue;
    const { repository, root = '', part } = place;
    const where = join(repository, part === '' ? root : part);
    throw new Failure(
      'WEFT0912',
      `there is no policy file in "${where}"`,
      'name a repository, its folder of policies, or a .yaml file in it',
      where,
    );
  }
}

async function readTree(
  repository: string,
  root: string | undefined,
  places: readonly PolicyPlace[],
  revision: string | undefined,
): Promise<PolicyTree> {
  if (root !== undefined) {
    return revision === undefined ? readWorkingTree(repository, root) : readCommit(repository, revision, root);
  }
  if (revision !== undefined) {
    throw new Failure(
      'WEFT0912',
      `"${places[0]?.part}" is in no folder of policies`,
      'leave --rev out, or name the repository',
    );
  }
  const files = places
    .map(({ part }) => ({ path: part, text: readFileSync(join(repository, part), 'utf8') }))
    .filter(({ path, text }) => !isJsonSchema(path, text));
  return { commit: 'uncommitted+edits', files, diagnostics: [], author: '', subject: '', time: 0 };
}
