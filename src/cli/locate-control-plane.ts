import { readFileSync, statSync } from 'node:fs';
import { Failure } from '../model/failure.ts';
import { localSettings, stateFile } from './local-settings.ts';

export interface Asked {
  /** `--cp` */
  readonly flag: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
}

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/**
 * Where the admin API is: `--cp`, WEFT_CP, what the server left in its state dir, the addresses in the nearest weft.yaml, else port 15014
 * of this machine. Throws Failure WEFT0912 for what is no address and for plain http to another machine, WEFT0907 for an unusable weft.yaml.
 */
export function locateAdminApi(asked: Asked): URL {
  const named = written(asked);
  if (named === undefined) {
    const { host, port } = left(asked, 'api-address') ?? configured(asked, 'admin', 15_014);
    return new URL(`http://${host.includes(':') ? `[${host}]` : host}:${port}`);
  }
  const url = parseUrl(named, 'http');
  if (url.port === '' && !/:\d+\/?$/.test(named.text)) url.port = '15014';
  if (url.protocol === 'http:' && !isLoopback(url.hostname))
    throw new Failure(
      'WEFT0912',
      `${named.from} "${named.text}" is plain http to another machine; the operator's credential would be readable on the way`,
      'run the command on the machine of the control plane, or tunnel to it: ssh -L 15014:127.0.0.1:15014 HOST',
    );
  return url;
}

/** Where sidecars connect, always by TLS: `--cp`, WEFT_CP, the state dir, the nearest weft.yaml, else port 15012 of this machine. Throws as above. */
export function locateXds(asked: Asked): HostPort {
  const named = written(asked);
  if (named === undefined) return left(asked, 'xds-address') ?? configured(asked, 'xds', 15_012);
  const url = parseUrl(named, 'https');
  if (url.protocol !== 'https:')
    throw new Failure(
      'WEFT0912',
      `${named.from} "${named.text}" is not an xDS address, which is TLS only`,
      'write https://HOST:15012, the xDS port, not that of the API',
    );
  const unwritten = /:443\/?$/.test(named.text) ? 443 : 15_012;
  return { host: url.hostname.replace(/^\[(.*)\]$/, '$1'), port: url.port === '' ? unwritten : Number(url.port) };
}

interface Named {
  readonly text: string;
  readonly from: '--cp' | 'WEFT_CP';
}

function written(asked: Asked): Named | undefined {
  if (asked.flag !== undefined) return { text: asked.flag, from: '--cp' };
  const { WEFT_CP } = asked.env;
  return WEFT_CP === undefined || WEFT_CP === '' ? undefined : { text: WEFT_CP, from: 'WEFT_CP' };
}

/** `--cp` for a sidecar that is to reach the server whose API is at `api`: undefined where the usual address does, or it is not known. */
export function xdsOption(asked: Asked, api: URL): string | undefined {
  const here: Asked = { flag: undefined, env: {}, cwd: asked.cwd };
  if (locateAdminApi(here).host !== api.host) return undefined;
  const { host, port } = locateXds(here);
  if (port === 15_012 && isLoopback(host)) return undefined;
  return `--cp https://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/**
 * The address that a server wrote into its state dir when it started: with --port-base, or a port that the system chose, only it knows. A
 * file of somebody else is not followed, as the credential would be sent there.
 */
function left({ cwd }: Asked, name: 'api-address' | 'xds-address'): HostPort | undefined {
  const path = stateFile(cwd, name);
  if (path === undefined) return undefined;
  let text: string;
  try {
    const self = process.geteuid?.();
    if (self !== undefined && self !== 0 && statSync(path).uid !== self) return undefined;
    text = readFileSync(path, 'utf8').trim();
  } catch {
    // Of another user: the settings say where it should be.
    return undefined;
  }
  const [, host = '', port = ''] = /^(?:http:\/\/)?(.+):(\d{1,5})$/.exec(text) ?? [];
  return host === '' ? undefined : { host: host.replace(/^\[(.*)\]$/, '$1'), port: Number(port) };
}

/** The server of this machine, as its weft.yaml says; an address that means "all" is asked on loopback. */
function configured(asked: Asked, part: 'admin' | 'xds', usual: number): HostPort {
  const values = localSettings(asked.cwd)?.values;
  const address = values?.[`${part}.address`] ?? '127.0.0.1';
  const host = address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : address;
  return { host, port: values?.[`${part}.port`] || usual };
}

/** `host:port` is taken too. */
function parseUrl({ text, from }: Named, scheme: 'http' | 'https'): URL {
  const whole = /^[a-z]+:\/\//.test(text) ? text : `${scheme}://${text}`;
  const url = URL.canParse(whole) ? new URL(whole) : undefined;
  if (url !== undefined && (url.protocol === 'http:' || url.protocol === 'https:') && url.hostname !== '') return url;
  throw new Failure('WEFT0912', `${from} "${text}" is not an address`, `write ${scheme}://HOST:PORT`);
}

/** `localhost`, `127.0.0.1`, `[::1]` as they stand in a URL. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127\./.test(host);
}
