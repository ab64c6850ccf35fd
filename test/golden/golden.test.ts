import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { toBinary } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decode } from '../../src/proto/codec.ts';
import { schemaOf } from '../../src/proto/registry.ts';
import type { Resource } from '../../src/xds/resource.ts';
import { envoyPath } from '../support/envoy-path.ts';
import { selfSigned } from '../support/self-signed.ts';
import { pipeline } from './pipeline.ts';
import { renderIr, renderResources } from './render.ts';
import { readScene } from './scene.ts';
import { staticBootstrap } from './static-bootstrap.ts';

/*
 * One folder per case: mesh.yaml (a scene, then policies) → ir.yaml (what was decided) → xds.yaml (what Envoy is told). `npm run
 * golden` sets WEFT_GOLDEN=write: the two results are written instead of compared, and whatever no case makes is deleted.
 */
const folder = fileURLToPath(new URL('cases', import.meta.url));
const writing = process.env.WEFT_GOLDEN === 'write';
const results = ['ir.yaml', 'xds.yaml'] as const;
const cases = (await readdir(folder)).sort();

const { certificate, key } = selfSigned('golden');
const secrets = {
  certificateChain: certificate,
  privateKey: key,
  bundle: [certificate],
  named: [
    { name: 'partner', keys: { certificateChain: certificate, privateKey: key }, roots: { certificates: certificate } },
  ],
};

let envoy = '';
let scratch = '';
beforeAll(async () => {
  envoy = await envoyPath();
  scratch = await mkdtemp(join(tmpdir(), 'weft-golden-'));
});
afterAll(() => rm(scratch, { recursive: true, force: true }));

/** R10 needs a field that Envoy calls work in progress. */
const expected = [
  "field 'envoy.config.core.v3.Http1ProtocolOptions.allow_custom_methods' is marked as work-in-progress",
];

/** Fails with Envoy's words if it refuses the resources or warns about one. */
async function validate(name: string, resources: readonly Resource[]): Promise<void> {
  const file = join(scratch, `${name}.json`);
  await writeFile(file, JSON.stringify(staticBootstrap(resources, { certificate, key })));
  const run = promisify(execFile)(envoy, ['--mode', 'validate', '--disable-hot-restart', '-l', 'warn', '-c', file]);
  const { stdout, stderr } = await run;
  expect(stdout).toContain('OK');
  const complaints = stderr.split('\n').filter((line) => /\[(warning|error|critical)\]/.test(line));
  expect(complaints.filter((line) => !expected.some((words) => line.includes(words)))).toEqual([]);
}

describe.each(cases)('golden %s', (name) => {
  test('mesh.yaml → ir.yaml → xds.yaml, which a real Envoy accepts without a warning (X100, X104)', async () => {
    const path = join(folder, name);
    const present = await readdir(path);
    const orphans = present.filter((file) => file !== 'mesh.yaml' && !results.some((result) => result === file));
    if (writing) {
      if (!present.includes('mesh.yaml')) return rm(path, { recursive: true });
      for (const orphan of orphans) await rm(join(path, orphan), { recursive: true });
    } else expect(orphans, 'files that no case makes; run: npm run golden').toEqual([]);
    const scene = readScene(await readFile(join(path, 'mesh.yaml'), 'utf8'));
    const { ir, resources } = pipeline(scene, secrets);
    const made = { 'ir.yaml': renderIr(ir, scene.show), 'xds.yaml': renderResources(resources, scene.show) };
    for (const result of results) {
      const file = join(path, result);
      if (writing) await writeFile(file, made[result]);
      else
        expect(made[result], `${name}/${result} changed; if that is right, run: npm run golden`).toBe(
          await readFile(file, 'utf8'),
        );
    }
    for (const { typeUrl, name: resource, value } of resources) {
      const schema = schemaOf(typeUrl);
      const byLibrary = toBinary(schema, decode(schema, value));
      expect(Buffer.from(byLibrary).equals(value), `the library writes other bytes of ${resource}`).toBe(true);
    }
    await validate(name, resources);
  });
});
