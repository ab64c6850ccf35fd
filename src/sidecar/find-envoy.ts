import { readdirSync, readFileSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { type EnvoyProbe, probeEnvoy } from './probe-envoy.ts';

export interface EnvoySearch {
  /** The value of `--envoy`. */
  readonly flag?: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  /** `envoy.path` of weft.yaml, relative to `cwd` unless absolute. */
  readonly configPath?: string | undefined;
  readonly cwd: string;
  /** The folder that holds `envoy/envoy.json` and `.cache`. */
  readonly projectRoot: string;
}

export type EnvoyPlace = '--envoy' | 'ENVOY_PATH' | 'weft.yaml' | 'PATH' | "the project's cache" | './.venv' | 'func-e';

export interface EnvoyCandidate {
  readonly place: EnvoyPlace;
  readonly path: string;
  /** Somebody named this very file: when it does not run, the search ends there instead of taking another one. */
  readonly named: boolean;
}

/** A place that gave no Envoy; without `problem` there was simply nothing. */
export interface TriedPlace {
  readonly place: EnvoyPlace;
  readonly path?: string;
  readonly problem?: string;
}

export type EnvoyFinding =
  | { readonly found: true; readonly path: string; readonly version: string; readonly foundBy: EnvoyPlace }
  | { readonly found: false; readonly tried: readonly TriedPlace[] };

const PLACES: readonly EnvoyPlace[] = [
  '--envoy',
  'ENVOY_PATH',
  'weft.yaml',
  'PATH',
  "the project's cache",
  './.venv',
  'func-e',
];

/**
 * The first Envoy that runs, with the place that named it, or every place that was tried (section 8 of experience.md).
 * Never throws for what it finds; `probe` is asked once per file, in order.
 */
export async function findEnvoy(
  search: EnvoySearch,
  probe: (path: string) => Promise<EnvoyProbe> = probeEnvoy,
): Promise<EnvoyFinding> {
  const tried: TriedPlace[] = [];
  for (const candidate of envoyCandidates(search)) {
    const { place, path, named } = candidate;
    const result = await probe(path);
    if (result.kind === 'runs') return { found: true, path, version: result.version, foundBy: place };
    if (result.kind === 'broken') tried.push({ place, path, problem: result.problem });
    else if (named) tried.push({ place, path, problem: 'no such file' });
    if (named) return { found: false, tried };
  }
  const silent = PLACES.filter((place) => tried.every((entry) => entry.place !== place));
  return { found: false, tried: [...tried, ...silent.map((place) => ({ place }))].sort(byPlace) };
}

/** Every file that could be Envoy, first choice first. */
export function envoyCandidates(search: EnvoySearch): readonly EnvoyCandidate[] {
  const { flag, env, configPath, cwd, projectRoot } = search;
  const named = (place: EnvoyPlace, path: string | undefined): EnvoyCandidate[] =>
    path === undefined || path === '' ? [] : [{ place, path: resolve(cwd, path), named: true }];
  const likely = (place: EnvoyPlace, paths: readonly string[]): EnvoyCandidate[] =>
    paths.map((path) => ({ place, path, named: false }));
  const folders = (env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  const pin = pinnedEnvoyVersion(projectRoot);
  return [
    ...named('--envoy', flag),
    ...named('ENVOY_PATH', env.ENVOY_PATH),
    ...named('weft.yaml', configPath),
    ...likely(
      'PATH',
      folders.map((folder) => resolve(cwd, folder, 'envoy')),
    ),
    ...likely("the project's cache", pin === undefined ? [] : [join(projectRoot, '.cache/envoy', pin, 'envoy')]),
    ...likely('./.venv', [join(cwd, '.venv/bin/envoy')]),
    ...likely('func-e', funcEPaths(env)),
  ];
}

/** The version in `envoy/envoy.json`; undefined when the project has no such file. */
export function pinnedEnvoyVersion(projectRoot: string): string | undefined {
  try {
    const pin: unknown = JSON.parse(readFileSync(join(projectRoot, 'envoy/envoy.json'), 'utf8'));
    const version = typeof pin === 'object' && pin !== null && 'version' in pin ? pin.version : undefined;
    return typeof version === 'string' ? version : undefined;
  } catch {
    return undefined;
  }
}

/** What func-e has installed, newest first. */
function funcEPaths(env: NodeJS.ProcessEnv): readonly string[] {
  const home = env.HOME ?? '';
  const roots = [env.FUNC_E_HOME, home === '' ? undefined : join(home, '.func-e')];
  return roots.flatMap((root) => {
    if (root === undefined || root === '') return [];
    const versions = join(root, 'versions');
    return newestFirst(foldersIn(versions)).map((version) => join(versions, version, 'bin/envoy'));
  });
}

function foldersIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).filter((name) => /^\d+\.\d+\.\d+$/.test(name));
  } catch {
    return [];
  }
}

function newestFirst(versions: readonly string[]): readonly string[] {
  return [...versions].sort((left, right) => right.localeCompare(left, 'en', { numeric: true }));
}

function byPlace(left: TriedPlace, right: TriedPlace): number {
  return PLACES.indexOf(left.place) - PLACES.indexOf(right.place);
}
