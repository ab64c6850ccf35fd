import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { controlPlaneName } from '../../ca/certificate-template.ts';
import { parseToken } from '../../ca/token.ts';
import { readSettings } from '../../control-plane/settings.ts';
import { type ControlPlane, startControlPlane } from '../../control-plane/start-control-plane.ts';
import { Failure } from '../../model/failure.ts';
import { localPortKey } from '../../model/mesh.ts';
import type { ProxyStatus } from '../../model/status.ts';
import { type Sidecar, startSidecar } from '../../sidecar/sidecar.ts';
import { productVersions } from '../actions/product-versions.ts';
import { applicationPort, type DemoPorts, type ShopMember } from './shop-members.ts';
import { type ShopProcess, startShopProcess } from './shop-process.ts';

/** From the first sidecar's start to the last one's readiness, in milliseconds. */
const startDeadline = 30_000;

/** The control plane of the demo: an ordinary one, for the work folder, on the demo's ports. Throws its Failures. */
export function startShopControlPlane(workFolder: string, ports: DemoPorts): Promise<ControlPlane> {
  const from = 'weft demo';
  const settings = readSettings(undefined, [
    { key: 'trustDomain', value: 'demo.mesh', from },
    { key: 'stateDir', value: join(workFolder, '.weft/state'), from },
    { key: 'policy.repository', value: workFolder, from },
    { key: 'xds.address', value: '127.0.0.1', from },
    { key: 'xds.port', value: ports.xds, from },
    { key: 'admin.port', value: ports.api, from },
    { key: 'admin.loopbackReads', value: true, from },
    { key: 'localPorts.base', value: ports.local, from },
  ]);
  return startControlPlane({ settings, logger: pino({ level: 'silent' }), ...productVersions() });
}

/** Starts every application, each behind an Envoy of its own. `onReady`: a sidecar is a working member, `ms` after its Envoy's start. */
export async function startShop(options: {
  readonly controlPlane: ControlPlane;
  readonly members: readonly ShopMember[];
  readonly ports: DemoPorts;
  readonly workFolder: string;
  readonly envoy: string;
  readonly onReady: (member: ShopMember, ms: number) => void;
  /** Somebody wants it to end: the start is given up, what was started is stopped, and the signal's reason is thrown. */
  readonly interrupt: AbortSignal;
}): Promise<{ readonly stop: () => Promise<void> }> {
  const { controlPlane, members, ports, workFolder, envoy, onReady, interrupt } = options;
  const processes: ShopProcess[] = [];
  const sidecars: Sidecar[] = [];
  const stop = async () => {
    await Promise.all(sidecars.map((sidecar) => sidecar.kill()));
    await Promise.all(processes.map((process) => process.stop()));
  };
  /** Nothing more is to be started. */
  const over = new AbortController();
  const start = async (member: ShopMember) => {
    processes.push(
      await startShopProcess(member, member.service === 'frontend' ? frontendEnvironment(controlPlane, ports) : {}),
    );
    const grant = {
      role: 'workload',
      namespace: 'shop',
      services: [member.service],
      addresses: ['127.0.0.0/8'],
      ports: [],
    } as const;
    const { text } = await controlPlane.tokens.create({ grant, createdBy: 'weft demo', label: member.name });
    const folder = join(workFolder, 'run', member.name);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    over.signal.throwIfAborted();
    const sidecar = startSidecar({
      bootstrap: {
        nodeId: `${member.name}.shop`,
        metadata: {
          service: member.service,
          namespace: 'shop',
          ...(member.version === undefined ? {} : { labels: { version: member.version } }),
          ports: [{ name: 'http', port: applicationPort, protocol: 'http', inbound: member.inbound.port }],
          address: member.inbound.address,
          inboundBind: member.inbound.address,
          applicationAddress: member.address,
          // Only the frontend calls others; on a machine of its own each sidecar would have these ports.
          ...(member.service === 'frontend' ? { capture: { bind: '127.0.0.1', proxy: ports.proxy, ports: true } } : {}),
        },
        controlPlane: {
          host: '127.0.0.1',
          port: controlPlane.xdsPort,
          serverName: controlPlaneName,
          rootPem: controlPlane.rootPem,
        },
        credential: parseToken(text.expose()).bearer,
        admin: { kind: 'pipe', path: join(folder, 'admin.sock') },
        stats: { flushInterval: 1_000 },
      },
      folder,
      envoy,
      concurrency: 1,
      onEvent(event) {
        if (event.event === 'ready') onReady(member, event.ms);
      },
    });
    sidecars.push(sidecar);
    await sidecar.ready;
  };
  const starts = members.map(start);
  try {
    await Promise.race([
      Promise.all(starts),
      refusal(controlPlane, startDeadline, AbortSignal.any([over.signal, interrupt])),
    ]);
    interrupt.throwIfAborted();
    await allAcknowledged(controlPlane, 10_000);
  } catch (error) {
    over.abort();
    // What was half started when it was given up comes to its end first, so that it is stopped, too.
    await stop();
    await Promise.allSettled(starts);
    await stop();
    throw error;
  }
  over.abort();
  return { stop };
}

/** Throws Failure WEFT0401 as soon as a proxy refuses what it was sent, and when time is over: a sidecar that waits says nothing itself. */
async function refusal(controlPlane: ControlPlane, deadline: number, signal: AbortSignal): Promise<void> {
  const end = Date.now() + deadline;
  while (!signal.aborted) {
    for (const { name, types } of controlPlane.values.proxies()) {
      for (const [type, { error }] of Object.entries(types)) {
        if (error)
          throw new Failure(
            'WEFT0401',
            `${name} refused ${type}: ${error.message}`,
            'npm run demo -- --port-base 25000, if a port is in use',
          );
      }
    }
    if (Date.now() > end)
      throw new Failure(
        'WEFT0401',
        `not every sidecar was ready within ${deadline / 1000} s`,
        'look for other programs that keep this machine busy, and try again',
      );
    await sleep(100);
  }
}

/** Waits until every proxy has acknowledged what is served; the proxies. Throws Failure WEFT0401 when one does not in time. */
export async function allAcknowledged(controlPlane: ControlPlane, deadline: number): Promise<readonly ProxyStatus[]> {
  const end = Date.now() + deadline;
  for (;;) {
    const commit = controlPlane.policies.get().served?.revision.commit;
    const proxies = controlPlane.values.proxies();
    const isCurrent = controlPlane.mesh.get()?.policies.commit === commit;
    const open = proxies.filter(({ status }) => status !== 'SYNCED');
    if (isCurrent && proxies.length > 0 && open.length === 0) return proxies;
    if (Date.now() > end) {
      const names = open.map(({ name, status }) => `${name} ${status}`).join(', ');
      throw new Failure(
        'WEFT0401',
        `not acknowledged within ${deadline / 1000} s: ${names}`,
        'weft proxies shows what each proxy said',
      );
    }
    await sleep(10);
  }
}

function frontendEnvironment(controlPlane: ControlPlane, ports: DemoPorts): Readonly<Record<string, string>> {
  const mesh = controlPlane.mesh.get();
  const url = (name: string): string => {
    const service = mesh?.services.find((candidate) => candidate.name === name && candidate.namespace === 'shop');
    const port = service && mesh?.localPorts.get(localPortKey(service.key, 80));
    if (port === undefined)
      throw new Failure(
        'WEFT0101',
        `the demo's policies have no service "${name}" with port 80`,
        'npm run demo, without --keep, starts afresh',
      );
    return `http://127.0.0.1:${port}`;
  };
  return { CATALOG_URL: url('catalog'), REVIEWS_URL: url('reviews'), HTTP_PROXY: `http://127.0.0.1:${ports.proxy}` };
}
