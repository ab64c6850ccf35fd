import type { SettingReport } from '../../admin/admin-source.ts';
import { rejectionWords } from '../../admin/envelope.ts';
import type { WorkloadItem } from '../../admin/mesh-values.ts';
import type { StatusValue } from '../../admin/status-value.ts';
import { offlineMesh } from '../../control-plane/offline-mesh.ts';
import { byPosition, type Diagnostic } from '../../model/diagnostic.ts';
import { Failure } from '../../model/failure.ts';
import type { MeshSettings } from '../../model/mesh.ts';
import type { PolicySet } from '../../model/policy.ts';
import type { RegistryKnowledge } from '../../model/registry-knowledge.ts';
import type { Workload } from '../../model/workload.ts';
import { diagnosticRecord, renderDiagnostics, renderSummary } from '../../policy/render.ts';
import { unsilenced } from '../../policy/silencers.ts';
import type { ApiClient } from '../api-client.ts';
import { checkPlaces, covers } from '../check-places.ts';
import { type PolicyPlace, policyPlace } from '../policy-place.ts';
import { readApi, readItems, readValue } from '../read-api.ts';
import type { ExitCode, VerbContext } from '../verb.ts';
import type { validateFlags } from '../verbs/validate.ts';

type ValidateContext = VerbContext<typeof validateFlags>;

interface Checked {
  readonly files: ReadonlyMap<string, string>;
  readonly diagnostics: readonly Diagnostic[];
}

/** `weft validate PATH..`: exit 1 when a finding reaches `--fail-on`. */
export async function validate(context: ValidateContext): Promise<ExitCode> {
  const { flags, output, cwd, globals } = context;
  const started = performance.now();
  const asked = context.arguments.length === 0 ? ['.'] : context.arguments;
  const places = asked.map((path) => policyPlace(cwd, path, flags.rev === undefined));
  const live = flags.live ? await liveFacts(context) : {};
  const groups = new Map<string, PolicyPlace[]>();
  for (const place of places) {
    const key = `${place.repository}\n${place.root ?? ''}`;
    groups.set(key, [...(groups.get(key) ?? []), place]);
  }
  const checked: Checked[] = [];
  for (const group of groups.values())
    checked.push(await checkGroup(group, flags.rev, live, generatedBy(context), (words) => output.say(words)));
  const diagnostics = checked.flatMap((group) => group.diagnostics).sort(byPosition);
  const files = checked.reduce((sum, group) => sum + group.files.size, 0);
  const count = (severity: Diagnostic['severity']) =>
    diagnostics.filter((finding) => finding.severity === severity).length;
  const summary = { errors: count('error'), warnings: count('warning'), infos: count('info'), files };
  // With -q what is good and what only informs is not said; of `-o json` all is data.
  const isSaid = ({ severity }: Diagnostic) => !globals.quiet || severity !== 'info';
  // One tree after another: files of two trees may have the same name.
  const frames = checked.flatMap((group) => {
    const said = group.diagnostics.filter(isSaid);
    if (said.length === 0) return [];
    return renderDiagnostics(said, (file) => group.files.get(file), flags.all ? 0 : 20).split('\n');
  });
  const summaryLine = renderSummary(diagnostics.filter(isSaid), files, performance.now() - started);
  const lines = globals.quiet && frames.length === 0 ? [] : [...frames, summaryLine];
  output.object('DiagnosticList', { summary, items: diagnostics.map(diagnosticRecord) }, lines);
  return summary.errors > 0 || (flags['fail-on'] === 'warning' && summary.warnings > 0) ? 1 : 0;
}

/** Checks the tree that some paths share, and keeps what is about these paths. */
async function checkGroup(
  places: readonly PolicyPlace[],
  revision: string | undefined,
  { joined, secrets, knowledge }: LiveFacts,
  generated: Generated,
  say: (words: string) => void,
): Promise<Checked> {
  const {
    tree,
    diagnostics: found,
    policies,
    settings,
    silencers,
    uncompared,
  } = await checkPlaces(places, revision, joined, secrets, knowledge);
  if (uncompared !== undefined)
    say(`the server serves commit ${uncompared}, which is not here: fetch it to see whom this lets in anew (WEFT0171)`);
  const diagnostics =
    policies === undefined ? [...found] : [...found, ...(await generated(policies, settings, joined))];
  if (policies && joined && knowledge) {
    const { foreseenFindings } = await import('./foreseen-findings.ts');
    diagnostics.push(...unsilenced(foreseenFindings(policies, settings, joined, knowledge), silencers));
  }
  const isAsked = (file: string) => places.some((place) => covers(place, file));
  const files = new Map(tree.files.filter(({ path }) => isAsked(path)).map(({ path, text }) => [path, text]));
  return { files, diagnostics: diagnostics.filter(({ at }) => isAsked(at.file)) };
}

/** The last stage of all: what is generated breaks no rule of Envoy (WEFT0601). */
type Generated = (
  policies: PolicySet,
  settings: MeshSettings,
  joined: ReadonlyMap<string, Workload> | undefined,
) => Promise<readonly Diagnostic[]>;

/** A mesh of so many services is looked at whole without being asked to. */
const smallMesh = 100;

/** Of every proxy that files or `--live` tell of. A large mesh takes seconds: it is looked at where --generated says so. */
function generatedBy({ flags, output }: ValidateContext): Generated {
  return async (policies, settings, joined = new Map()) => {
    const mesh = offlineMesh({ policies, settings, joined });
    const count = mesh.services.length;
    if (count > smallMesh && !flags.generated) {
      output.detail(`${count} services: what proxies would be sent is looked at with --generated`);
      return [];
    }
    // Only now are the messages of Envoy loaded.
    const { generatedFindings, offlineProxies } = await import('../../control-plane/generated-findings.ts');
    return generatedFindings(mesh, offlineProxies(mesh));
  };
}

/** What a running control plane knows besides the text. */
interface LiveFacts {
  readonly joined?: ReadonlyMap<string, Workload>;
  readonly secrets?: 'unset';
  readonly knowledge?: RegistryKnowledge;
}

async function liveFacts(context: ValidateContext): Promise<LiveFacts> {
  const api = await readApi(context);
  const knowledge = await readValue<RegistryKnowledge>(api, '/api/v1/knowledge');
  // Before anybody has ever joined the server holds no name against a commit.
  const joined = knowledge.isHistory ? await liveWorkloads(api, (words) => context.output.say(words)) : undefined;
  const hasSecrets = await secretsAreSet(api);
  return { knowledge, ...(joined && { joined }), ...(hasSecrets === false && { secrets: 'unset' }) };
}

/** Undefined where the first commit was rejected: nothing is served then, and the server judges without workloads, too. */
async function liveWorkloads(
  api: ApiClient,
  say: (words: string) => void,
): Promise<ReadonlyMap<string, Workload> | undefined> {
  try {
    const items = await readItems<WorkloadItem>(api, '/api/v1/workloads');
    return new Map(
      items
        .filter(({ source }) => source === 'proxy')
        .map(({ from: _from, trouble: _trouble, ...item }) => [item.id, item]),
    );
  } catch (error) {
    if (!(error instanceof Failure && error.code === 'WEFT0901')) throw error;
    const { policies, pending } = await readValue<StatusValue>(api, '/api/v1/status');
    if (policies.serving !== undefined || pending?.state !== 'Rejected') throw error;
    say(`the control plane serves nothing yet: ${rejectionWords(pending)}; checked without connected workloads`);
    return undefined;
  }
}

/** Whether the server has a folder of secrets, by the weft.yaml that it read at its start; undefined for who may not ask. */
async function secretsAreSet(api: ApiClient): Promise<boolean | undefined> {
  try {
    const settings = await readItems<SettingReport>(api, '/api/v1/settings');
    const directory = settings.find(({ key }) => key === 'secrets.directory');
    return directory && directory.value !== '';
  } catch (error) {
    if (error instanceof Failure && error.code === 'WEFT0902') return undefined;
    throw error;
  }
}
