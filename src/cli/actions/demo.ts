import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ControlPlane } from '../../control-plane/start-control-plane.ts';
import { Failure } from '../../model/failure.ts';
import { portState } from '../../sidecar/port-owner.ts';
import { byHand, drawTable, tableWindow } from '../demo/by-hand.ts';
import { createNarrator, type Narrator } from '../demo/narrator.ts';
import { press, reset, type Stage } from '../demo/press.ts';
import { type DemoPorts, demoPorts, type ShopMember, shopMembers } from '../demo/shop-members.ts';
import { startShop, startShopControlPlane } from '../demo/shop-mesh.ts';
import { steps } from '../demo/steps.ts';
import { startTraffic } from '../demo/traffic.ts';
import { prepareWorkFolder, type WorkFolder } from '../demo/work-folder.ts';
import { marks } from '../marks.ts';
import type { ExitCode, VerbContext } from '../verb.ts';
import type { demoFlags } from '../verbs/demo.ts';
import { findEnvoyOrFail } from './find-envoy.ts';
import { productVersions, projectRoot } from './product-versions.ts';

type Context = VerbContext<typeof demoFlags>;

/**
 * `weft demo` (section 1.1 of experience.md). Exit 0: stopped by hand, or with `--no-input` every announced effect was seen; 1: one was not;
 * 2 (a Failure): it could not start; 130: interrupted. Whatever happens, everything that was started is stopped.
 */
export async function demo(context: Context): Promise<ExitCode> {
  const { flags, output, env } = context;
  const isTerminal = process.stdout.isTTY === true;
  const narrator = createNarrator(output, marks(env), isTerminal);
  const interrupt = new AbortController();
  context.onInterrupt(() => interrupt.abort());
  const ports = demoPorts(flags['port-base']);
  const members = shopMembers(flags['port-base']);
  const began = performance.now();
  narrator.line(
    `weft demo ${productVersions().version}                        ctrl-c stops everything, --help shows options`,
  );
  const { work, envoy } = await preflight(context, narrator, ports, members);

  const undo: (() => Promise<unknown>)[] = [];
  try {
    narrator.heading('control plane');
    const controlPlane = await startShopControlPlane(work.path, ports);
    undo.push(() => controlPlane.close());
    tellControlPlane(narrator, controlPlane);
    narrator.heading('sidecars');
    const onReady = (member: ShopMember, ms: number) =>
      narrator.step(
        member.name,
        `${`SYNCED in ${Math.round(ms)} ms`.padEnd(17)}  spiffe://demo.mesh/ns/shop/sa/${member.service}`,
        true,
        { milliseconds: ms },
      );
    const shop = await startShop({
      controlPlane,
      members,
      ports,
      workFolder: work.path,
      envoy,
      onReady,
      interrupt: interrupt.signal,
    });
    undo.push(shop.stop);
    narrator.line('');
    narrator.event(
      'ready',
      'Ready',
      `in ${seconds(began)} s   shop http://127.0.0.1:${ports.shop}   api http://127.0.0.1:${ports.api}/debug`,
    );
    const traffic = startTraffic(ports.shop);
    undo.push(traffic.stop);
    const stage: Stage = {
      controlPlane,
      work,
      traffic,
      narrator,
      original: originalOf(work),
      proxies: controlPlane.proxies,
    };
    return flags['no-input']
      ? await pressAll(stage, flags.duration, interrupt.signal)
      : await byHand(stage, isTerminal, interrupt.signal);
  } catch (error) {
    if (error === interrupt.signal.reason) return 130;
    throw error;
  } finally {
    for (const stop of undo.reverse()) await stop();
  }
}

async function preflight(
  context: Context,
  narrator: Narrator,
  ports: DemoPorts,
  members: readonly ShopMember[],
): Promise<{ readonly work: WorkFolder; readonly envoy: string }> {
  const { flags, cwd } = context;
  narrator.heading('preflight');
  narrator.step('node', process.version);
  const envoy = await findEnvoyOrFail(flags.envoy, context);
  narrator.step('envoy', `${envoy.version}  ${envoy.path}   found by: ${envoy.foundBy}`);
  const wanted = [ports.xds, ports.api, ports.shop, ports.proxy, ...localPortsOf(ports)].map((port) => ({
    address: '127.0.0.1',
    port,
  }));
  for (const { address, port } of [
    ...wanted,
    ...members.map((member) => ({ address: member.address, port: 19_080 })),
  ]) {
    const state = await portState(address, port);
    if (state.kind === 'free') continue;
    const owner = state.kind === 'used' && state.owner ? ` by pid ${state.owner.pid} (${state.owner.name})` : '';
    const what =
      state.kind === 'used'
        ? `port ${port} is used${owner}`
        : `${address}:${port} cannot be listened on: ${state.problem}`;
    throw new Failure('WEFT0910', what, 'npm run demo -- --port-base 25000', `${address}:${port}`);
  }
  narrator.step('ports', `xDS ${ports.xds}, api ${ports.api}, shop ${ports.shop}`);
  const folder = join(cwd, '.weft', flags['port-base'] === 15_000 ? 'demo' : `demo-${flags['port-base']}`);
  const work = await prepareWorkFolder(
    folder,
    fileURLToPath(new URL('examples/shop/policies', projectRoot)),
    flags.keep,
  );
  narrator.step('work dir', `${folder}   a git repository with the demo's policies, safe to edit`);
  return { work, envoy: envoy.path };
}

/** One for each of the shop's services; more would only be taken for services that somebody adds. */
function localPortsOf(ports: DemoPorts): readonly number[] {
  return [0, 1, 2, 3].map((offset) => ports.local + offset);
}

function tellControlPlane(narrator: Narrator, controlPlane: ControlPlane): void {
  const { authority } = controlPlane.values.certificates();
  narrator.step(
    'CA',
    `trust domain ${authority?.trustDomain}, root valid until ${authority?.rootNotAfter.slice(0, 10)}`,
  );
  const { served, head, failure } = controlPlane.policies.get();
  if (!served)
    throw (
      failure ??
      new Failure(
        'WEFT0906',
        `the demo's policies have ${head?.errors} errors and no good commit is known`,
        'npm run demo, without --keep, starts afresh',
      )
    );
  const { revision, policies, files } = served;
  narrator.step(
    'policies',
    `${policies.objects.length} objects in ${files} files, ${revision.errors} errors, ${revision.warnings} warnings    ${revision.commit}`,
  );
}

/** `--no-input`: every key once, each followed by a reset, then the table; goes on until `duration` is over. */
async function pressAll(stage: Stage, duration: number, signal: AbortSignal): Promise<ExitCode> {
  const { narrator, controlPlane, traffic } = stage;
  const began = Date.now();
  // First the shop as it is: every page answered, with real requests.
  await until(() => traffic.since(began).length >= 100, 10_000, signal);
  let seen = true;
  for (const step of steps) {
    if (signal.aborted) return 130;
    seen = (await press(stage, step, signal)) && seen;
    await reset(stage);
  }
  await until(() => Date.now() - began >= duration, duration, signal);
  await until(() => isUnderMutualTls(controlPlane), 5_000, signal);
  drawTable(stage, false);
  const mtls = isUnderMutualTls(controlPlane);
  narrator.event('mtls', 'mTLS', 'every call between services went under mutual TLS', mtls);
  const pages = traffic.since(began);
  const lost = pages.filter(({ status }) => status !== 200).length;
  narrator.event(
    'end',
    'pages',
    `${pages.length} pages asked for in the last minute, ${lost} not answered`,
    lost === 0,
  );
  if (signal.aborted) return 130;
  return seen && mtls && lost === 0 ? 0 : 1;
}

function isUnderMutualTls(controlPlane: ControlPlane): boolean {
  const inside = controlPlane.values.edges(tableWindow).filter(({ from }) => from === 'frontend');
  return inside.length === 3 && inside.every(({ mtls }) => mtls === true);
}

function originalOf(work: WorkFolder): Readonly<Record<string, string>> {
  const names = readdirSync(join(work.path, 'policies')).filter((name) => name.endsWith('.yaml'));
  return Object.fromEntries(names.map((name) => [name, work.read(name) ?? '']));
}

async function until(isSo: () => boolean, deadline: number, signal: AbortSignal): Promise<void> {
  const end = Date.now() + deadline;
  while (!isSo() && Date.now() < end && !signal.aborted) await sleep(50);
}

function seconds(since: number): string {
  return ((performance.now() - since) / 1000).toFixed(1);
}
