import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { dirname, resolve } from 'node:path';
import { Failure } from '../model/failure.ts';
import { isLabel, isTrustDomain } from '../model/identity.ts';
import type { MeshSettings } from '../model/mesh.ts';
import { nearestName } from '../model/nearest-name.ts';
import { debianRoots } from '../model/system-roots.ts';
import { yamlLibrary } from '../policy/yaml-library.ts';

type Check<T> = (value: unknown) => T | undefined;

interface SettingDefinition<T> {
  readonly fallback: T;
  /** What the value must be, for the message. */
  readonly rule: string;
  readonly check: Check<T>;
}

const text: Check<string> = (value) => (typeof value === 'string' && value.length > 0 ? value : undefined);
const flag: Check<boolean> = (value) => (typeof value === 'boolean' ? value : undefined);
const port: Check<number> = (value) =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 65_535 ? value : undefined;
const names: Check<readonly string[]> = (value) =>
  Array.isArray(value) && value.every((name) => typeof name === 'string' && name.length > 0) ? value : undefined;
const address: Check<string> = (value) => (typeof value === 'string' && isIP(value) !== 0 ? value : undefined);
/** Timers of Node count in 32 bits; a longer one would run at once. */
const longestDuration = 2 ** 31 - 1;
/** `500ms`, `5s`, `10m`, `24h` → milliseconds. */
const duration: Check<number> = (value) => {
  const parts = typeof value === 'string' ? /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(value) : null;
  if (!parts) return undefined;
  const unit = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[parts[2] as 'ms' | 's' | 'm' | 'h'];
  const milliseconds = Number(parts[1]) * unit;
  return milliseconds <= longestDuration ? milliseconds : undefined;
};
/** A duration that is not zero. */
const interval: Check<number> = (value) => duration(value) || undefined;

/** Connections are spread by a tenth of it, and a timer must still count that. */
const connectionAge: Check<number> = (value) => {
  const milliseconds = duration(value);
  return milliseconds !== undefined && milliseconds >= 1_000 && milliseconds <= 480 * 3_600_000
    ? milliseconds
    : undefined;
};

function define<T>(fallback: T, rule: string, check: Check<T>): SettingDefinition<T> {
  return { fallback, rule, check };
}

/** Every setting of `weft.yaml`: key, default, rule. Durations are milliseconds once read. */
const definitions = {
  trustDomain: define('cluster.local', 'a trust domain such as "corp.example"', (value) => {
    const name = text(value);
    return name !== undefined && isTrustDomain(name) ? name : undefined;
  }),
  rootNamespace: define('istio-system', 'a namespace', (value) => {
    const name = text(value);
    return name !== undefined && isLabel(name) ? name : undefined;
  }),
  dnsSuffix: define('cluster.local', 'a DNS suffix', text),
  stateDir: define('.weft/state', 'a folder', text),
  'policy.repository': define('.', 'a folder in a git repository', text),
  'policy.path': define('policies', 'a folder of the repository', text),
  'policy.folders': define<'namespace' | 'free'>('namespace', '"namespace" or "free"', (value) =>
    value === 'namespace' || value === 'free' ? value : undefined,
  ),
  /** What an error holds back: the whole commit, or the namespace that it is in (section 1.4). */
  'policy.isolate': define<'commit' | 'namespace'>('commit', '"commit" or "namespace"', (value) =>
    value === 'commit' || value === 'namespace' ? value : undefined,
  ),
  /** Whether a commit that lets in who was refused needs a mark with a reason (T14). */
  'policy.widening': define<'allow' | 'marked'>('allow', '"allow" or "marked"', (value) =>
    value === 'allow' || value === 'marked' ? value : undefined,
  ),
  /** What a port is that declares no protocol: TCP, or what its first bytes say (P28). */
  'policy.protocolDetection': define<'declared' | 'auto'>('declared', '"declared" or "auto"', (value) =>
    value === 'declared' || value === 'auto' ? value : undefined,
  ),
  'policy.workingTree': define(false, 'true or false', flag),
  'policy.poll': define(500, 'a duration such as "1s"', interval),
  /** Named secrets of policies (`credentialName`): `<namespace>/<name>/{tls.crt,tls.key,ca.crt,ca.crl}` below it. */
  'secrets.directory': define('', 'a folder', text),
  'secrets.poll': define(1_000, 'a duration such as "1s"', interval),
  /** Where the machines of proxies have the roots of their system: TLS origination believes them unless a policy names others. */
  'secrets.systemRoots': define(debianRoots, 'the path of a file', text),
  'xds.address': define('0.0.0.0', 'an IP address', address),
  'xds.port': define(15_012, 'a port', port),
  /** Further names or addresses under which proxies reach this server; its certificate carries them. */
  'xds.names': define<readonly string[]>([], 'a list of host names or addresses', names),
  /** How old a proxy's connection becomes, ±10 %, before it is told to come again: proxies spread over new instances (X17). */
  'xds.maxConnectionAge': define(30 * 60_000, 'a duration from "1s" to "480h"', connectionAge),
  'admin.address': define('127.0.0.1', 'an IP address', address),
  'admin.port': define(15_014, 'a port', port),
  /** Loopback may read the admin API without a token (`up` and `demo`, section 3.1 of experience.md). */
  'admin.loopbackReads': define(false, 'true or false', flag),
  'localPorts.base': define(21_000, 'a port', port),
  /** A CA from outside (PEM files): its root, the issuing certificate with its chain, and the key of what signs. */
  'ca.root': define('', 'the path of a file', text),
  'ca.certificate': define('', 'the path of a file', text),
  'ca.key': define('', 'the path of a file', text),
  /** 32 bytes, kept elsewhere than the state dir: the CA's private keys there are sealed with it. */
  'ca.sealKeyFile': define('', 'the path of a file', text),
  /** Names that the trust domain had before: its roots are still taken, and certificates of these names count as of the new one. */
  'ca.acceptFormer': define<readonly string[]>([], 'a list of trust domains', (value) => {
    const found = names(value);
    return found?.every(isTrustDomain) === true ? found : undefined;
  }),
  /** A root that has ended is replaced at the start (F11). */
  'ca.replaceEnded': define(false, 'true or false', flag),
  'certificates.leafLifetime': define(24 * 3_600_000, 'a duration such as "24h"', interval),
  'certificates.allowShortLives': define(false, 'true or false', flag),
  'registry.grace': define(10_000, 'a duration such as "10s"', duration),
  'registry.restoreGrace': define(60_000, 'a duration such as "60s"', duration),
  'push.quiet': define(100, 'a duration such as "100ms"', duration),
  'push.longest': define(10_000, 'a duration such as "10s"', duration),
  'envoy.path': define('', 'the path of an Envoy binary', text),
  'log.level': define('info', 'trace, debug, info, warn, error or silent', (value) => {
    const level = text(value);
    return level !== undefined && /^(trace|debug|info|warn|error|silent)$/.test(level) ? level : undefined;
  }),
} as const;

export type SettingKey = keyof typeof definitions;
export type SettingValues = {
  readonly [Key in SettingKey]: (typeof definitions)[Key] extends SettingDefinition<infer T> ? T : never;
};

export interface Setting {
  readonly key: SettingKey;
  readonly value: string | number | boolean | readonly string[];
  /** `default`, `--flag`, or `weft.yaml:4`. */
  readonly from: string;
}

export interface Settings {
  readonly values: SettingValues;
  readonly origins: readonly Setting[];
  /** The folder that relative paths start from: that of `weft.yaml`, else the working folder. */
  readonly folder: string;
}

/** Values given on the command line, before `weft.yaml`: key, value, the flag's name. */
export interface SettingOverride {
  readonly key: SettingKey;
  readonly value: string | number | boolean | readonly string[];
  readonly from: string;
}

/**
 * Reads `weft.yaml` (if `file` is given) and lays overrides over it (flag beats file, section 2.1 of experience.md).
 * Throws Failure WEFT0907 for an unreadable file, an unknown key or a value that breaks its rule; the place is file:line.
 */
export function readSettings(file: string | undefined, overrides: readonly SettingOverride[] = []): Settings {
  const folder = file === undefined ? process.cwd() : dirname(resolve(file));
  const found = new Map<SettingKey, { value: unknown; from: string }>();
  if (file !== undefined) {
    for (const entry of readEntries(file)) found.set(entry.key, { value: entry.value, from: entry.from });
  }
  for (const override of overrides) found.set(override.key, { value: override.value, from: override.from });
  const values: Record<string, unknown> = {};
  const origins: Setting[] = [];
  for (const key of Object.keys(definitions) as SettingKey[]) {
    const { fallback, rule, check } = definitions[key];
    const entry = found.get(key);
    const value = entry === undefined ? fallback : check(entry.value);
    if (value === undefined) {
      throw new Failure(
        'WEFT0907',
        `${key}: expected ${rule}, got ${JSON.stringify(entry?.value)}`,
        `correct ${key}`,
        entry?.from,
      );
    }
    values[key] = value;
    origins.push({ key, value: value as Setting['value'], from: entry?.from ?? 'default' });
  }
  return { values: values as SettingValues, origins, folder };
}

/** What of the settings every part of the mesh knows (D16). */
export function meshSettings({ values, origins }: Settings): MeshSettings {
  const { trustDomain, dnsSuffix, rootNamespace } = values;
  const former = values['ca.acceptFormer'];
  const from = origins.find(({ key }) => key === 'rootNamespace')?.from ?? 'default';
  return {
    trustDomain,
    ...(former.length > 0 && { formerTrustDomains: former }),
    dnsSuffix,
    rootNamespace,
    ...(values['policy.protocolDetection'] === 'auto' && { protocolDetection: 'auto' as const }),
    ...(from !== 'default' && { rootNamespaceFrom: from }),
  };
}

interface Entry {
  readonly key: SettingKey;
  readonly value: unknown;
  readonly from: string;
}

function readEntries(file: string): Entry[] {
  const { isMap, isNode, isScalar, LineCounter, parseDocument } = yamlLibrary();
  const lines = new LineCounter();
  let content: string;
  try {
    content = readFileSync(file, 'utf8');
  } catch (error) {
    throw new Failure(
      'WEFT0907',
      `${file} cannot be read: ${readingProblem(error)}`,
      'check the path given with --config',
    );
  }
  const document = parseDocument(content, { lineCounter: lines, uniqueKeys: true, merge: false });
  const [syntax] = document.errors;
  if (syntax) {
    throw new Failure(
      'WEFT0907',
      syntax.message.split('\n')[0] ?? 'not YAML',
      'correct the line',
      `${file}:${syntax.linePos?.[0].line ?? 1}`,
    );
  }
  const entries: Entry[] = [];
  const walk = (node: unknown, prefix: string): void => {
    if (!isMap(node)) {
      if (node === null || node === undefined) return;
      const line = isNode(node) ? lines.linePos(node.range?.[0] ?? 0).line : 1;
      throw new Failure(
        'WEFT0907',
        `${prefix.replace(/\.$/, '') || 'the file'}: expected a mapping`,
        'write key: value lines',
        `${file}:${line}`,
      );
    }
    for (const pair of node.items) {
      const name = isScalar(pair.key) ? pair.key : undefined;
      const key = prefix + String(name?.value);
      const from = `${file}:${lines.linePos(name?.range?.[0] ?? 0).line}`;
      if (isSettingKey(key)) {
        // `policy.path` and `policy: { path }` are one setting; which of the two is meant cannot be told.
        const other = entries.find((entry) => entry.key === key);
        if (other)
          throw new Failure('WEFT0907', `${key} is given twice, first at ${other.from}`, `remove one ${key}`, from);
        entries.push({ key, value: isNode(pair.value) ? pair.value.toJS(document) : pair.value, from });
      } else if (Object.keys(definitions).some((known) => known.startsWith(`${key}.`))) walk(pair.value, `${key}.`);
      else throw new Failure('WEFT0907', `unknown setting "${key}"`, hintOf(key), from);
    }
  };
  walk(document.contents, '');
  return entries;
}

function readingProblem(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
  const words: Readonly<Record<string, string>> = {
    ENOENT: 'there is no such file',
    ENOTDIR: 'there is no such file',
    EACCES: 'this user may not',
    EISDIR: 'it is a folder',
  };
  return words[code] ?? code;
}

/** A setting's value as it would be written in `weft.yaml`: durations with their unit, `24h`. */
export function settingText({ key, value }: Pick<Setting, 'key' | 'value'>): string {
  const { check } = definitions[key];
  if (typeof value === 'number' && (check === duration || check === interval || check === connectionAge))
    return durationText(value);
  return typeof value === 'string' && value !== '' ? value : JSON.stringify(value);
}

function durationText(milliseconds: number): string {
  const units = [
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1_000],
  ] as const;
  const [unit, size] = units.find(([, length]) => milliseconds > 0 && milliseconds % length === 0) ?? ['ms', 1];
  return `${milliseconds / size}${unit}`;
}

function hintOf(key: string): string {
  const known = Object.keys(definitions);
  const near = nearestName(key, known);
  return near === undefined ? `settings are: ${known.join(', ')}` : `did you mean "${near}"?`;
}

function isSettingKey(key: string): key is SettingKey {
  return Object.hasOwn(definitions, key);
}
