import { existsSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import type { Settings } from '../control-plane/settings.ts';
import { Failure } from '../model/failure.ts';
import { localSettings } from './local-settings.ts';

/** Which policy tree a path of the command line belongs to, and which part of the tree it names. */
export interface PolicyPlace {
  /** Absolute. */
  readonly repository: string;
  /** The folder of policies below it, `policies`; undefined for a file that stands in no such folder. */
  readonly root: string | undefined;
  /** The asked file or folder as the tree names it, `policies/shop/reviews.yaml`; empty: the whole tree, and what stands around it. */
  readonly part: string;
  /** Those of the `weft.yaml` around it. */
  readonly settings: Settings | undefined;
}

/**
 * Finds the tree of a path: where `weft.yaml` says, else the nearest folder `policies` around it or directly below it, else the folder
 * itself. A folder below the tree, or a file of it, is a part: the tree is checked whole, as its objects refer to each other.
 * `exists: false` for paths of a commit, which need not lie there now. Throws Failure WEFT0912 for a path that does not exist.
 */
export function policyPlace(cwd: string, asked: string, exists = true): PolicyPlace {
  const path = resolve(cwd, asked);
  const isFile = existsSync(path) ? statSync(path).isFile() : /\.ya?ml$/.test(path);
  if (exists && !existsSync(path)) {
    throw new Failure(
      'WEFT0912',
      `"${asked}" does not exist`,
      'name a repository, its folder of policies, or a file',
      path,
    );
  }
  const folder = isFile ? dirname(path) : path;
  const settings = localSettings(folder);
  if (settings !== undefined) {
    const repository = resolve(settings.folder, settings.values['policy.repository']);
    const root = settings.values['policy.path'];
    const tree = resolve(repository, root);
    if (isWithin(tree, path)) return { repository, root, part: partOf(repository, path), settings };
    if (!isFile && isWithin(path, tree)) return { repository, root, part: '', settings };
  }
  for (let here = folder; dirname(here) !== here; here = dirname(here)) {
    if (basename(here) !== 'policies') continue;
    return { repository: dirname(here), root: 'policies', part: partOf(dirname(here), path), settings };
  }
  if (isFile) return { repository: folder, root: undefined, part: basename(path), settings };
  if (existsSync(join(path, 'policies')) || !exists) return { repository: path, root: 'policies', part: '', settings };
  return { repository: dirname(path), root: basename(path), part: basename(path), settings };
}

function isWithin(outer: string, inner: string): boolean {
  return inner === outer || inner.startsWith(outer.endsWith(sep) ? outer : `${outer}${sep}`);
}

function partOf(repository: string, path: string): string {
  return relative(repository, path).split(sep).join('/');
}
