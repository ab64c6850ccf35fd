import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { ProbeCheck } from '../model/workload-group.ts';
import { failed, type ProbeResult, passed, wordsOf } from './probe-result.ts';

type HttpCheck = Extract<ProbeCheck, { kind: 'http' }>;

/**
 * One GET on a connection of its own; the headers of an answer from 200 to 399 are a success, redirects are not followed. A certificate
 * is not verified, as with Kubernetes: the program stands on this machine. `signal` ends it.
 */
export function probeHttp(check: HttpCheck, host: string, signal: AbortSignal): Promise<ProbeResult> {
  const { scheme, port, path } = check;
  const headers: Record<string, string[]> = { 'user-agent': ['weft-probe'] };
  for (const { name, value } of check.headers) {
    const key = name.toLowerCase();
    headers[key] = key === 'user-agent' || headers[key] === undefined ? [value] : [...headers[key], value];
  }
  // There is one Host, and Node takes it as one text.
  const { host: hosts, ...others } = headers;
  const all = { ...others, ...(hosts?.[0] ? { host: hosts[0] } : {}) };
  return new Promise((resolve) => {
    const options = { host, port, path, headers: all, agent: false, signal } as const;
    try {
      const request =
        scheme === 'https' ? requestHttps({ ...options, rejectUnauthorized: false }) : requestHttp(options);
      request.on('response', (response) => {
        const status = response.statusCode ?? 0;
        resolve(status >= 200 && status < 400 ? passed : failed(`answered ${status}`));
        request.destroy();
      });
      request.on('error', (error) => resolve(failed(wordsOf(error))));
      request.end();
    } catch (error) {
      // Node refuses what no request can hold.
      resolve(failed(wordsOf(error)));
    }
  });
}
