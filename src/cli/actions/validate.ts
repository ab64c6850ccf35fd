import type { WorkloadItem } from '../../admin/mesh-values.ts';
import { byPosition, type Diagnostic } from '../../model/diagnostic.ts';
import type { Workload } from '../../model/workload.ts';
import { diagnosticRecord, renderDiagnostics, renderSummary } from '../../policy/render.ts';
import { checkPlaces, covers } from '../check-places.ts';
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
  const { tree, diagnostics } = await checkPlaces(places, revision, joined);
  const isAsked = (file: string) => places.some((place) => covers(place, file));
  const files = new Map(tree.files.filter(({ path }) => isAsked(path)).map(({ path, text }) => [path, text]));
  return { files, diagnostics: diagnostics.filter(({ at }) => isAsked(at.file)) };
}

async function liveWorkloads(context: ValidateContext): Promise<ReadonlyMap<string, Workload>> {
  const items = await readItems<WorkloadItem>(await readApi(context), '/api/v1/workloads');
  return new Map(
    items
      .filter(({ source }) => source === 'proxy')
      .map(({ from: _from, trouble: _trouble, ...item }) => [item.id, item]),
  );
}
