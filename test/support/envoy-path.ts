import { fileURLToPath } from 'node:url';
import { findEnvoy } from '../../src/sidecar/find-envoy.ts';

const projectRoot = fileURLToPath(new URL('../..', import.meta.url));

/** The real Envoy that tests run, found as the product finds it; `npm test` has fetched it before. */
export async function envoyPath(): Promise<string> {
  const finding = await findEnvoy({ env: process.env, cwd: projectRoot, projectRoot });
  if (!finding.found) throw new Error('no Envoy: npm run envoy');
  return finding.path;
}
