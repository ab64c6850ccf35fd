import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { readSettings, type Settings } from '../control-plane/settings.ts';

/** The settings in the weft.yaml of a folder or the nearest one above it; undefined when there is none. Throws Failure WEFT0907. */
export function localSettings(folder: string): Settings | undefined {
  const file = nearest(folder, 'weft.yaml');
  return file === undefined ? undefined : readSettings(file);
}

/** Where a server of this folder leaves `name`: in the stateDir of the nearest weft.yaml, else in the nearest `.weft/state` that has it. */
export function stateFile(folder: string, name: string): string | undefined {
  const settings = localSettings(folder);
  if (settings === undefined) return nearest(folder, `.weft/state/${name}`);
  const path = resolve(settings.folder, settings.values.stateDir, name);
  return existsSync(path) ? path : undefined;
}

/** The path of a file in a folder or the nearest one above it. */
export function nearest(folder: string, name: string): string | undefined {
  for (let here = folder; ; here = dirname(here)) {
    const path = join(here, name);
    if (existsSync(path)) return path;
    if (dirname(here) === here) return undefined;
  }
}
