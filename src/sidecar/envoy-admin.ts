import { request } from 'node:http';
import type { AdminAddress } from './bootstrap.ts';

/** Envoy's admin endpoint (E7). Every call rejects with EnvoyAdminError when Envoy does not answer, or not with 200. */
export interface EnvoyAdmin {
  get(path: string): Promise<string>;
  /** The verbs that change something take POST only (E7). */
  post(path: string): Promise<string>;
  /** Counters and gauges by name; `filter` is a regular expression over whole names or parts of them. */
  stats(filter?: string): Promise<Stats>;
  /** The entries of one list of `/config_dump`, as `dynamic_active_secrets`; empty when Envoy has none. */
  configDump(resource: string): Promise<readonly unknown[]>;
  /** `/ready`: true from 200. No proof of configuration by itself (E5). */
  ready(): Promise<boolean>;
}

/** Counters and gauges by name. */
export type Stats = ReadonlyMap<string, number>;

export class EnvoyAdminError extends Error {
  /** Undefined when there was no answer at all. */
  readonly status: number | undefined;

  constructor(message: string, status?: number) {
    super(message);
    this.name = 'EnvoyAdminError';
    this.status = status;
  }
}

/** A client for the unix socket or port of a bootstrap; `timeout` in milliseconds is for each call. */
export function createEnvoyAdmin(address: AdminAddress, timeout = 2_000): EnvoyAdmin {
  const call = (method: string, path: string) => fetchAdmin(address, method, path, timeout);
  return {
    get: (path) => call('GET', path),
    post: (path) => call('POST', path),
    async stats(filter) {
      return parseStats(
        await call('GET', filter === undefined ? '/stats' : `/stats?filter=${encodeURIComponent(filter)}`),
      );
    },
    async configDump(resource) {
      try {
        return entriesOf(await call('GET', `/config_dump?resource=${encodeURIComponent(resource)}`));
      } catch (error) {
        // Envoy answers 404 for a list it has nothing of.
        if (error instanceof EnvoyAdminError && error.status === 404) return [];
        throw error;
      }
    },
    async ready() {
      try {
        await call('GET', '/ready');
        return true;
      } catch (error) {
        if (error instanceof EnvoyAdminError) return false;
        throw error;
      }
    },
  };
}

/** Reads `name: value` lines; histograms and texts are left out, they are no numbers. */
export function parseStats(text: string): Stats {
  const stats = new Map<string, number>();
  for (const line of text.split('\n')) {
    const cut = line.lastIndexOf(': ');
    if (cut <= 0) continue;
    const value = line.slice(cut + 2);
    if (/^\d+$/.test(value)) stats.set(line.slice(0, cut), Number(value));
  }
  return stats;
}

function entriesOf(text: string): readonly unknown[] {
  const dump: unknown = JSON.parse(text);
  const configs = typeof dump === 'object' && dump !== null && 'configs' in dump ? dump.configs : [];
  return Array.isArray(configs) ? configs : [];
}

function fetchAdmin(address: AdminAddress, method: string, path: string, timeout: number): Promise<string> {
  const where = address.kind === 'pipe' ? { socketPath: address.path } : { host: address.address, port: address.port };
  return new Promise((resolve, reject) => {
    const call = request({ ...where, method, path, timeout, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', (error) => reject(new EnvoyAdminError(error.message)));
      response.on('end', () => {
        const body = Buffer.concat(chunks).toString();
        if (response.statusCode === 200) resolve(body);
        else reject(new EnvoyAdminError(`${method} ${path}: ${body.trim().slice(0, 200)}`, response.statusCode));
      });
    });
    call.on('timeout', () => call.destroy(new Error(`no answer within ${timeout} ms`)));
    call.on('error', (error) => reject(new EnvoyAdminError(`${method} ${path}: ${error.message}`)));
    call.end();
  });
}
