import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { envoyPath } from './envoy-path.ts';
import { eventually } from './eventually.ts';

/** The filter chains of a listener that logs so. */
export function loggingChains(format: string): readonly object[] {
  const logger = {
    '@type': 'type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog',
    logFormat: { textFormatSource: { inlineString: format } },
  };
  const proxy = {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
    statPrefix: 'x',
    cluster: 'c',
    accessLog: [{ name: 'lines', typedConfig: logger }],
  };
  return [{ filters: [{ name: 'tcp', typedConfig: proxy }] }];
}

/** A listener that binds nothing and logs so. */
function listenerOf(format: string, index: number) {
  const address = `127.0.${1 + Math.floor(index / 60_000)}.1`;
  return {
    '@type': 'type.googleapis.com/envoy.config.listener.v3.Listener',
    name: String(index),
    bindToPort: false,
    address: { socketAddress: { address, portValue: 1 + (index % 60_000) } },
    filterChains: loggingChains(format),
  };
}

/**
 * Which of many formats of access logs the pinned Envoy takes: each in a listener of its own, all in one update, of which it takes what
 * it can and refuses the rest.
 */
export async function acceptedFormats(formats: readonly string[]): Promise<ReadonlySet<string>> {
  const folder = await mkdtemp(join(tmpdir(), 'weft-formats-'));
  const [listeners, bootstrap, admin] = ['lds.json', 'envoy.json', 'admin'].map((file) => join(folder, file));
  const resources = formats.map(listenerOf);
  await writeFile(`${listeners}`, JSON.stringify({ versionInfo: '1', resources }));
  await writeFile(
    `${bootstrap}`,
    JSON.stringify({
      node: { id: 'formats', cluster: 'formats' },
      admin: { address: { socketAddress: { address: '127.0.0.1', portValue: 0 } } },
      dynamicResources: { ldsConfig: { pathConfigSource: { path: listeners } } },
      staticResources: { clusters: [{ name: 'c', connectTimeout: '1s' }] },
    }),
  );
  const flags = ['--concurrency', '1', '--use-dynamic-base-id', '-l', 'off', '--admin-address-path', `${admin}`];
  const envoy = spawn(await envoyPath(), ['-c', `${bootstrap}`, ...flags], { stdio: 'ignore' });
  const gone = once(envoy, 'exit');
  const ask = async (path: string) => {
    const response = await fetch(`http://${await readFile(`${admin}`, 'utf8')}${path}`);
    return response.text();
  };
  try {
    await eventually(
      'Envoy has looked at all of them',
      async () => {
        if (envoy.exitCode !== null || envoy.signalCode !== null) throw new Error('Envoy ended');
        return /lds\.update_(?:rejected|success): 1/.test(await ask('/stats?filter=lds').catch(() => ''));
      },
      150_000,
    );
    const names = (await ask('/listeners')).split('\n').map((line) => line.split('::')[0] ?? '');
    return new Set(names.flatMap((name) => (name === '' ? [] : (formats[Number(name)] ?? []))));
  } finally {
    envoy.kill();
    await gone;
    await rm(folder, { recursive: true });
  }
}
