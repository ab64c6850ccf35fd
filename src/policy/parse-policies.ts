import { compareText } from '../model/compare-text.ts';
import { byPosition, type Diagnostic } from '../model/diagnostic.ts';
import { meshConfigOf } from '../model/mesh-config.ts';
import type { Policy, PolicySet } from '../model/policy.ts';
import { refText } from '../model/provenance.ts';
import { finish, type Steps } from '../model/steps.ts';
import { type FileOptions, type ParsedFile, type PolicyFile, parseFile, pathInTree } from './parse-file.ts';
import { isMeshConfigFile } from './read-mesh-config.ts';
import { reportInto } from './report.ts';
import { type Silencer, silence, usedBy } from './silencers.ts';

export interface ParseOptions {
  /** Short commit id, or `<id>+edits`: the provenance of all that is read. */
  readonly commit: string;
  /** Of weft.yaml, or the default: then MeshConfig may state another. */
  readonly rootNamespace: string;
  /** Where weft.yaml states it, `weft.yaml:4`. */
  readonly rootNamespaceFrom?: string;
  /** The control plane's, which MeshConfig must not contradict; absent: not known here. */
  readonly trustDomain?: string;
  /** `namespace`: the first-level folder is the namespace; `free`: only metadata.namespace counts (section 1.4). */
  readonly folders: 'namespace' | 'free';
  /** The folder that `path`s begin with; absent `policies`. */
  readonly root?: string;
  /** `cache` of an earlier result: files with equal text are not read again, and their objects keep their identity. */
  readonly previous?: ParseCache;
}

/** What is remembered of the files of one parse. */
export interface ParseCache {
  /** All that a file's result depends on besides its text: of the MeshConfig's file, and of the others. */
  readonly settings: { readonly meshConfig: string; readonly others: string };
  readonly files: ReadonlyMap<string, ParsedFile>;
  /** The objects of all files, in the order of their names. */
  readonly sorted: readonly Policy[];
}

export interface ParsedPolicies {
  /** Undefined if there is any error: one error holds back the whole commit (section 1.4). */
  readonly policies: PolicySet | undefined;
  /** The objects without errors of their own, sorted by kind, namespace and name. */
  readonly objects: readonly Policy[];
  /** By file and position, silenced ones left out. */
  readonly diagnostics: readonly Diagnostic[];
  /** For `silence(checkReferences(...), silencers, 'references')`. */
  readonly silencers: readonly Silencer[];
  /** As MeshConfig or the settings say. */
  readonly rootNamespace: string;
  readonly cache: ParseCache;
}

/**
 * Reads the files of a policy tree into checked objects; all findings at once. The result does not depend on the order of files,
 * documents or keys (P51). An object that did not change since `previous` keeps the commit at which it was first read.
 */
export function parsePolicies(files: readonly PolicyFile[], options: ParseOptions): ParsedPolicies {
  return finish(parseSteps(files, options));
}

/** parsePolicies in steps of about a millisecond. */
export function* parseSteps(files: readonly PolicyFile[], options: ParseOptions): Steps<ParsedPolicies> {
  const { commit, rootNamespace, rootNamespaceFrom, trustDomain, folders, root = 'policies', previous } = options;
  const parsed = new Map<string, ParsedFile>();
  const parse = function* (file: PolicyFile, fresh: boolean, stated: FileOptions): Steps<void> {
    parsed.set(file.path, yield* parseFile(file, stated, fresh ? undefined : previous?.files.get(file.path)));
  };
  const sorted = [...files].sort((a, b) => (a.path < b.path ? -1 : 1));
  const [meshFiles, others] = [true, false].map((wanted) =>
    sorted.filter(({ path }) => isMeshConfigFile(pathInTree(path, root)) === wanted),
  );

  // First the MeshConfig: the root namespace and what objects without exportTo are visible to stand there.
  const base = {
    root,
    folders,
    rootNamespace,
    commit,
    ...(rootNamespaceFrom !== undefined && { rootNamespaceFrom }),
    ...(trustDomain !== undefined && { trustDomain }),
  };
  const forMeshConfig = JSON.stringify({ ...base, commit: '' });
  const staleMesh = previous?.settings.meshConfig !== forMeshConfig;
  for (const file of meshFiles ?? []) yield* parse(file, staleMesh, base);
  const spec = meshConfigOf({ objects: [...parsed.values()].flatMap(({ objects }) => objects) })?.spec;
  const whole = {
    ...base,
    rootNamespace: spec?.rootNamespace ?? rootNamespace,
    ...(spec && { exportTo: spec.exportTo }),
  };
  const forOthers = JSON.stringify({
    root,
    folders,
    rootNamespace: whole.rootNamespace,
    exportTo: whole.exportTo ?? {},
  });
  const stale = previous?.settings.others !== forOthers;
  for (const file of others ?? []) yield* parse(file, stale, whole);
  const results = [...parsed.values()];
  const found = results.flatMap(({ diagnostics }) => diagnostics);
  const all = sortedObjects(parsed, previous);
  const twins = refuseTwins(all, found);
  const objects = twins.size === 0 ? all : all.filter((object) => !twins.has(object));
  const silencers = results.flatMap((result) => result.silencers);
  // Of an object with errors not all can be said that a silencer may be for.
  const wrong = new Set(found.flatMap(({ severity, at }) => (severity === 'error' ? [at.file] : [])));
  const diagnostics = [...silence(found, silencers, 'text', (file) => wrong.has(file))].sort(byPosition);
  const failed = diagnostics.some(({ severity }) => severity === 'error');
  return {
    policies: failed ? undefined : { commit, objects },
    objects,
    diagnostics,
    silencers: usedBy(found, silencers),
    rootNamespace: whole.rootNamespace,
    cache: { settings: { meshConfig: forMeshConfig, others: forOthers }, files: parsed, sorted: all },
  };
}

/** The objects of all files by name, at a cost that follows what changed since the time before: that, sorted, among the rest. */
function sortedObjects(files: ReadonlyMap<string, ParsedFile>, previous: ParseCache | undefined): readonly Policy[] {
  const before = new Set<Policy>();
  for (const [path, { objects }] of previous?.files ?? []) {
    if (files.get(path)?.objects !== objects) for (const object of objects) before.add(object);
  }
  const changed: Policy[] = [];
  for (const [path, { objects }] of files) {
    if (previous?.files.get(path)?.objects !== objects) changed.push(...objects);
  }
  const kept = previous?.sorted ?? [];
  if (changed.length === 0 && before.size === 0) return kept;
  changed.sort(byName);
  const all: Policy[] = [];
  let next = 0;
  for (const object of kept) {
    if (before.has(object)) continue;
    for (let one = changed[next]; one !== undefined && byName(one, object) < 0; one = changed[next]) {
      all.push(one);
      next += 1;
    }
    all.push(object);
  }
  return [...all, ...changed.slice(next)];
}

/** Kind, namespace, name; twins by place (P51). */
export function byName(a: Policy, b: Policy): number {
  return (
    compareText(a.kind, b.kind) ||
    compareText(a.namespace, b.namespace) ||
    compareText(a.name, b.name) ||
    compareText(a.at.file, b.at.file) ||
    a.at.line - b.at.line
  );
}

/** WEFT0011, for objects sorted by name; returns those that are refused. */
function refuseTwins(objects: readonly Policy[], found: Diagnostic[]): ReadonlySet<Policy> {
  const twins = new Set<Policy>();
  objects.forEach((object, index) => {
    const first = objects[index - 1];
    if (first === undefined || first.kind !== object.kind) return;
    // There is one MeshConfig, whatever root namespace it states.
    const same = first.name === object.name && first.namespace === object.namespace;
    if (!same && object.kind !== 'MeshConfig') return;
    const text = refText(object);
    twins.add(object);
    const place = `${first.at.file}:${first.at.line}`;
    const related = [{ file: first.at.file, line: first.at.line, message: 'first here' }];
    const at = object.positions.get('metadata.name') ?? object.at;
    reportInto(found, { object })('WEFT0011', at, `${text} is defined twice`, `other: ${place}`, {
      related,
      object: { kind: object.kind, namespace: object.namespace, name: object.name },
    });
  });
  return twins;
}
