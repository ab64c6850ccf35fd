import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { WorkloadItem } from '../../admin/mesh-values.ts';
import { createTreeCheck } from '../../control-plane/check-tree.ts';
import { meshSettings, readSettings } from '../../control-plane/settings.ts';
import { byPosition, type Diagnostic } from '../../model/diagnostic.ts';
import { Failure } from '../../model/failure.ts';
import type { Workload } from '../../model/workload.ts';
import { type PolicyTree, readCommit } from '../../policy/git-tree.ts';
import { diagnosticRecord, renderDiagnostics, renderSummary } from '../../policy/render.ts';
import { readWorkingTree } from '../../policy/working-tree.ts';
import { type PolicyPlace, policyPlace } from '../policy-place.ts';
import { readApi, readItems } from '../read-api.ts';
import type { ExitCode, VerbContext } from '../verb.ts';
import type { validateFlags } from '../verbs/validate.ts';

type ValidateContext = VerbContext<typeof validateFlags>;

interface Checked {
  readonly files: ReadonlyMap<string, string>;
  readonly diagnostics: readonly Diagnostic[];
}

/** `weft validate PATH..`: exit 1 when a finding reaches `--fail-on`. */
export async function validate(context: ValidateContext): Promise<ExitCode> {
  const { flags, output, cwd } = context;
  const started = performance.now();
  const asked = context.arguments.length === 0 ? ['.'] : context.arguments;
  const places = asked.map((path) => policyPlace(cwd, path, flags.rev === undefined));
  const joined = flags.live ? await liveWorkloads(context) : undefined;
  const groups = new Map<string, PolicyPlace[]>();
  for (const place of places) {
    const key = `${place.repository}\n${place.root ?? ''}`;
    groups.set(key, [...(groups.get(key) ?? []), place]);
  }
  const checked: Checked[] = [];
  for (const group of groups.values()) checked.push(await checkGroup(group, flags.rev, joined));
  const diagnostics = checked.flatMap((group) => group.diagnostics).sort(byPosition);
  const files = checked.reduce((sum, group) => sum + group.files.size, 0);
  const count = (severity: Diagnostic['severity']) =>
    diagnostics.filter((finding) => finding.severity === severity).length;
  const summary = { errors: count('error'), warnings: count('warning'), infos: count('info'), files };
  // One tree after another: files of two trees may have the same name.
  const frames = checked
    .filter((group) => group.diagnostics.length > 0)
    .flatMap((group) =>
      renderDiagnostics(group.diagnostics, (file) => group.files.get(file), flags.all ? 0 : 20).split('\n'),
    );
  const lines = [...frames, renderSummary(diagnostics, files, performance.now() - started)];
  output.object('DiagnosticList', { summary, items: diagnostics.map(diagnosticRecord) }, lines);
  return summary.errors > 0 || (flags['fail-on'] === 'warning' && summary.warnings > 0) ? 1 : 0;
}

/** Checks the tree that some paths share, and keeps what is about these paths. */
async function checkGroup(
  places: readonly PolicyPlace[],
  revision: string | undefined,
  joined: ReadonlyMap<string, Workload> | undefined,
): Promise<Checked> {
  const [{ repository = '', root, settings } = {}] = places;
  const tree = await readTree(repository, root, places, revision);
  const { diagnostics } = createTreeCheck({
    settings: meshSettings(settings ?? readSettings(undefined)),
    ...(settings && { trustDomain: settings.values.trustDomain }),
    folders: root === undefined ? 'free' : (settings?.values['policy.folders'] ?? 'namespace'),
    root: root ?? '.',
    joined: () => joined,
  })(tree);
  requirePolicies(places, tree);
  const isAsked = (file: string) => places.some((place) => covers(place, file));
  const files = new Map(tree.files.filter(({ path }) => isAsked(path)).map(({ path, text }) => [path, text]));
  return { files, diagnostics: diagnostics.filter(({ at }) => isAsked(at.file)) };
}

function covers({ part, root }: PolicyPlace, file: string): boolean {
  return part === '' || part === root || file === part || file.startsWith(`${part}/`);
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
  const files = places.map(({ part }) => ({ path: part, text: readFileSync(join(repository, part), 'utf8') }));
  return { commit: 'uncommitted+edits', files, diagnostics: [], author: '', subject: '', time: 0 };
}

async function liveWorkloads(context: ValidateContext): Promise<ReadonlyMap<string, Workload>> {
  const items = await readItems<WorkloadItem>(await readApi(context), '/api/v1/workloads');
  return new Map(items.filter(({ source }) => source === 'proxy').map(({ from: _from, ...item }) => [item.id, item]));
}
