import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pino } from 'pino';
import { createGitRepository } from '../../control-plane/git-repository.ts';
import type { PolicyState } from '../../control-plane/policy-source.ts';
import { createRefusalNews, refusalPlace } from '../../control-plane/refusal-news.ts';
import { readSettings, type SettingOverride, type SettingValues } from '../../control-plane/settings.ts';
import { type ControlPlane, startControlPlane } from '../../control-plane/start-control-plane.ts';
import { Failure } from '../../model/failure.ts';
import type { ProxyStatus } from '../../model/status.ts';
import { diagnosticRecord, renderDiagnostic } from '../../policy/render.ts';
import { marks } from '../marks.ts';
import { failureLines } from '../output.ts';
import { heldNote } from '../render/status.ts';
import type { ExitCode, VerbContext } from '../verb.ts';
import type { upFlags } from '../verbs/up.ts';
import { policyText } from './policy-text.ts';
import { productVersions } from './product-versions.ts';

const lookEvery = 200;

/** The settings of a control plane on this machine for the repository in `folder`; its own weft.yaml counts (section 1.2 of experience.md). */
function upOverrides(folder: string, portBase: number | undefined, workingTree: boolean): SettingOverride[] {
  const from = '--port-base';
  const ports: SettingOverride[] =
    portBase === undefined
      ? []
      : [
          { key: 'xds.port', value: portBase + 12, from },
          { key: 'admin.port', value: portBase + 14, from },
          { key: 'localPorts.base', value: portBase + 6_000, from },
        ];
  return [
    { key: 'policy.repository', value: folder, from: 'DIR' },
    { key: 'admin.loopbackReads', value: true, from: 'weft up' },
    ...(workingTree ? [{ key: 'policy.workingTree', value: true, from: '--working-tree' } as const] : []),
    ...ports,
  ];
}

/** `weft up`: the control plane in the foreground, one line for each commit, each change of a proxy, and each refusal and its end. */
export async function up(context: VerbContext<typeof upFlags>): Promise<ExitCode> {
  const { flags, cwd, output, env } = context;
  const [dir = '.'] = context.arguments;
  const folder = resolve(cwd, dir);
  if (!existsSync(folder) || !statSync(folder).isDirectory())
    throw new Failure(
      'WEFT0912',
      `"${dir}" is no folder`,
      'name a folder of a git repository with policies/ in it',
      folder,
    );
  const file = join(folder, 'weft.yaml');
  const { good } = marks(env);
  const interrupted = new Promise<ExitCode>((done) =>
    context.onInterrupt((signal) => done(signal === 'SIGINT' ? 130 : 0)),
  );
  const settings = readSettings(existsSync(file) ? file : undefined, [
    ...(existsSync(file) ? [] : [{ key: 'stateDir', value: join(folder, '.weft/state'), from: 'DIR' } as const]),
    ...upOverrides(folder, flags['port-base'], flags['working-tree']),
  ]);
  // Nothing is made, no key and no folder, where there is nothing to serve.
  await requirePolicies(settings.values, settings.folder);
  const level = context.globals.verbose ? 'debug' : 'error';
  const logger = pino({ level }, pino.destination({ dest: 2, sync: false }));
  const controlPlane = await startControlPlane({ settings, logger, ...productVersions() });
  const { authority } = controlPlane.values.certificates();
  const { xdsPort, adminPort } = controlPlane;
  const root = authority?.rootNotAfter.slice(0, 10);
  output.event(
    'ServerEvent',
    { event: 'started', xds: xdsPort, api: adminPort, trustDomain: authority?.trustDomain },
    undefined,
  );
  if (output.format === 'table') {
    output.line(`${good} CA        trust domain ${authority?.trustDomain}, root valid until ${root}`);
    output.line(`${good} xDS       port ${xdsPort}`);
    output.line(`${good} API       http://127.0.0.1:${adminPort}`);
  }
  const stop = follow(controlPlane, context, folder);
  const code = await interrupted;
  stop();
  await controlPlane.close();
  return code;
}

/** Throws Failure WEFT0960, WEFT0961 or WEFT0962 where no policies could be read at all; what is wrong inside of them is told later. */
async function requirePolicies(values: SettingValues, base: string): Promise<void> {
  await createGitRepository({
    location: resolve(base, values['policy.repository']),
    path: values['policy.path'],
    workingTree: values['policy.workingTree'],
  }).readHead();
}

/** Tells every commit and every change of a proxy's state, until the returned function is called. */
function follow(controlPlane: ControlPlane, context: VerbContext<typeof upFlags>, folder: string): () => void {
  const { output, env } = context;
  const { good, bad } = marks(env);
  const revision = (state: PolicyState) => {
    if (state.failure) {
      const { code, message, hint } = state.failure;
      if (output.format === 'table') for (const line of failureLines(state.failure, env)) output.say(line);
      else output.event('ServerEvent', { event: 'policies', code, message, hint }, undefined);
      return;
    }
    const { head, diagnostics } = state;
    if (!head) return;
    const counts = `${counted(head.errors, 'error')}, ${counted(head.warnings, 'warning')}`;
    output.event(
      'ServerEvent',
      { event: 'revision', ...head, diagnostics: diagnostics.map(diagnosticRecord) },
      `${head.state === 'Applied' ? good : bad} policies  ${head.commit} "${head.subject}" ${head.author}  ${head.state}  ${counts}${heldNote(head)}`,
    );
    if (output.format !== 'table') return;
    for (const finding of diagnostics.filter(({ severity }) => severity !== 'info'))
      output.document(`${renderDiagnostic(finding, (path) => policyText(folder, path))}\n`);
  };
  let told = '';
  const look = (state: PolicyState) => {
    // Findings also change when workloads come and go: those are in `weft status`, here only commits are news.
    const now = state.failure?.message ?? state.head?.commit ?? '';
    if (now !== told) revision(state);
    told = now;
  };
  look(controlPlane.policies.get());
  const unwatch = controlPlane.policies.watch(look);
  let known = new Map<string, string>();
  const proxies = () => {
    const now = new Map<string, string>();
    for (const proxy of controlPlane.values.proxies()) {
      const id = `${proxy.name}.${proxy.namespace}`;
      now.set(id, `${proxy.status} ${proxy.revision.serving}`);
      // A push on its way is no news; its end is.
      if (proxy.status === 'PENDING') now.set(id, known.get(id) ?? '');
      else if (known.get(id) !== now.get(id)) tellProxy(proxy);
    }
    for (const id of known.keys())
      if (!now.has(id))
        output.event('ServerEvent', { event: 'proxy', id, status: 'GONE' }, `${bad} ${id} disconnected`);
    known = now;
  };
  const tellProxy = (proxy: ProxyStatus) => {
    const {
      name,
      namespace,
      status,
      revision: { serving },
      ackMilliseconds,
    } = proxy;
    const mark = status === 'REJECTED' || status === 'STALE' ? bad : good;
    const took = ackMilliseconds === undefined ? '' : ` in ${Math.round(ackMilliseconds)} ms`;
    const reason = Object.values(proxy.types).find(({ error }) => error)?.error?.message;
    output.event(
      'ServerEvent',
      { event: 'proxy', id: `${name}.${namespace}`, status, serving, ackMilliseconds, reason },
      `${mark} ${name}.${namespace}  ${status}${took}  ${serving}`,
    );
  };
  const refusals = createRefusalNews(({ event, refused }) => {
    const { type, resource, message, firstRefusedBy } = refused;
    const what = event === 'refused' ? `${bad} refused` : `${good} refused`;
    const words =
      event === 'refused'
        ? `by ${firstRefusedBy}: ${message}  ${refusalPlace(refused)}`
        : 'no more: other content is accepted, or none is wanted';
    output.event('ServerEvent', { event, ...refused }, `${what}  ${type} ${resource} ${words}`);
  });
  const timer = setInterval(() => {
    proxies();
    refusals(controlPlane.values.refused());
  }, lookEvery);
  return () => {
    clearInterval(timer);
    unwatch();
  };
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
