import { readFileSync } from 'node:fs';

/** The folder that holds package.json, envoy/ and dist/ (or src/). */
export const projectRoot = new URL('../../../', import.meta.url);

/** Weft's own version, and that of the pinned Envoy. */
export function productVersions(): { readonly version: string; readonly envoyVersion: string } {
  const read = (path: string) =>
    JSON.parse(readFileSync(new URL(path, projectRoot), 'utf8')) as { readonly version: string };
  return { version: read('package.json').version, envoyVersion: read('envoy/envoy.json').version };
}
