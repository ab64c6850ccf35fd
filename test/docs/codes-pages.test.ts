import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { refusedCallers } from '../../src/control-plane/callers-of-last-hour.ts';
import { createTreeCheck } from '../../src/control-plane/check-tree.ts';
import { modeJumps, servedModes } from '../../src/control-plane/mode-jumps.ts';
import { offlineMesh } from '../../src/control-plane/offline-mesh.ts';
import { offlineProxy, offlineProxyNames } from '../../src/control-plane/offline-proxy.ts';
import type { Diagnostic } from '../../src/model/diagnostic.ts';
import type { Policy, PolicySet } from '../../src/model/policy.ts';
import { refText } from '../../src/model/provenance.ts';
import type { RecentCaller } from '../../src/model/registry-knowledge.ts';
import type { MutualTlsMode } from '../../src/model/security-policy.ts';
import type { Workload } from '../../src/model/workload.ts';
import type { CodePage } from '../../src/policy/code-page.ts';
import { diagnosticCodes } from '../../src/policy/diagnostic-codes.ts';
import { renderDiagnostic } from '../../src/policy/render.ts';
import { bindMembers } from '../../src/registry/grouped-members.ts';
import { runVerb } from '../support/run-verb.ts';
import { announced, type ExampleFile, exampleFiles, parseCodePage, withPrinted } from './code-page-file.ts';

const folder = join(import.meta.dirname, '../../docs/codes');
const codes: Readonly<Record<string, CodePage>> = diagnosticCodes;
const pages = readdirSync(folder)
  .sort()
  .map((name) => ({ name, text: readFileSync(join(folder, name), 'utf8') }));

/**
 * What `weft validate` finds in an example. One that begins with `# weft validate --live` is checked beside a control plane that nobody
 * has joined, so its workloads are those of WorkloadEntry documents and those of lines as `# joined: web-1 in group web says tier=back`;
 * for the others workloads are not known. A
 * line `# called:` says who called in the last hour, while no rule refused anybody; `# served: mode STRICT` what every PeerAuthentication said
 * until then; `# served: without AuthorizationPolicy/shop/reviews` that this object is new, and that the server asks for marks.
 */
function check(block: string, files: readonly ExampleFile[]): readonly Diagnostic[] {
  const settings = { trustDomain: 'cluster.local', dnsSuffix: 'cluster.local', rootNamespace: 'istio-system' };
  const live = block.startsWith('# weft validate --live\n');
  const joined = (policies: PolicySet) => (live ? bindMembers(joinedIn(block), policies, new Map()) : undefined);
  const run = createTreeCheck({ settings, folders: 'namespace', root: 'policies', joined });
  const isInside = ({ path }: ExampleFile) => path.startsWith('policies/');
  const [inside, beside] = [files.filter(isInside), files.filter((file) => !isInside(file))];
  const tree = { commit: '4f1c2ab', files: inside, beside, diagnostics: [], author: '', subject: '', time: 0 };
  const { policies, diagnostics } = run(tree);
  const [, added] = /^# served: without (\S+)$/m.exec(block) ?? [];
  if (policies !== undefined && added !== undefined) {
    const objects = policies.objects.filter((object) => refText(object) !== added);
    const beside = { widening: 'marked', servedElsewhere: { ...policies, objects } } as const;
    return createTreeCheck({ settings, folders: 'namespace', root: 'policies', joined, ...beside })(tree).diagnostics;
  }
  const [, servedMode] = /^# served: mode (STRICT|PERMISSIVE|DISABLE)$/m.exec(block) ?? [];
  if (policies !== undefined && servedMode !== undefined) {
    const mode = servedMode as MutualTlsMode;
    const objects = policies.objects.map(
      (object): Policy =>
        object.kind === 'PeerAuthentication' ? { ...object, spec: { ...object.spec, mode } } : object,
    );
    const served = servedModes(offlineMesh({ policies: { ...policies, objects }, settings }));
    return [...diagnostics, ...modeJumps(served, offlineMesh({ policies, settings }))];
  }
  if (policies === undefined || !block.includes('\n# called: ')) return diagnostics;
  // What was served before let everybody in.
  const before = { ...policies, objects: policies.objects.filter(({ kind }) => kind !== 'AuthorizationPolicy') };
  const mesh = offlineMesh({ policies: before, settings });
  const proxies = offlineProxyNames(mesh).map((name) => offlineProxy(mesh, name, 'shop'));
  return [...diagnostics, ...refusedCallers(mesh, policies, proxies, callersIn(block))];
}

/** Lines as `# called: frontend to reviews, 3201 requests`, of accounts and services of the namespace shop. */
function callersIn(block: string): readonly RecentCaller[] {
  const lines = [...block.matchAll(/^# called: (\S+) to (\S+), (\d+) requests$/gm)];
  return lines.map(([, from = '', service = '', requests]) => {
    const principal = `cluster.local/ns/shop/sa/${from}`;
    return { name: `${from}.shop`, principal, service, namespace: 'shop', requests: Number(requests) };
  });
}

/** The workloads of lines as `# joined: NAME in group GROUP says KEY=VALUE`, in namespace shop. */
function joinedIn(block: string): ReadonlyMap<string, Workload> {
  const lines = [...block.matchAll(/^# joined: (\S+) in group (\S+) says ([^=\s]+)=(\S+)$/gm)];
  return new Map(
    lines.map(([, name = '', group = '', key = '', value = '']) => {
      const id = `${name}.shop`;
      const labels = { app: group, [key]: value };
      const place = { address: '10.0.0.1', ports: [], weight: 1, health: 'healthy', source: 'proxy' } as const;
      return [id, { id, name, namespace: 'shop', service: group, labels, ...place, group: { name: group } }];
    }),
  );
}

/** The findings as examples announce them. */
const places = (found: readonly Diagnostic[]) =>
  found
    .flatMap(({ at, code, related = [] }) => [
      `${at.file}:${at.line} ${code}`,
      ...related.map(({ file, line }) => `${file}:${line} other`),
    ])
    .sort();
const told = (found: readonly Diagnostic[]) =>
  found.map(({ at, code, message }) => `${at.file}:${at.line}:${at.column} ${code} ${message}`).join('\n');

/** Runs the lines of a block in a new folder, `weft` in this process; returns per line of `weft` its number, exit code and words. */
async function runLines(block: string): Promise<readonly { line: number; code: number; said: string }[]> {
  const cwd = mkdtempSync(join(tmpdir(), 'weft-codes-'));
  const ran: { line: number; code: number; said: string }[] = [];
  try {
    for (const [index, row] of block.trimEnd().split('\n').entries()) {
      const command = row.replace(/\s*# <- .*$/, '');
      if (!command.startsWith('weft ')) {
        execFileSync('/bin/sh', ['-ec', command], { cwd, env: { ...process.env, ...author } });
        continue;
      }
      const { code, said } = await runVerb(command.split(/\s+/).slice(1), { cwd });
      ran.push({ line: index + 1, code, said });
    }
  } finally {
    rmSync(cwd, { recursive: true });
  }
  return ran;
}

const author = {
  GIT_AUTHOR_NAME: 'Ana',
  GIT_AUTHOR_EMAIL: 'ana@mesh.test',
  GIT_COMMITTER_NAME: 'Ana',
  GIT_COMMITTER_EMAIL: 'ana@mesh.test',
};

describe('docs/codes', () => {
  it('has a page for every code, and no other', () => {
    expect(pages.map(({ name }) => name)).toEqual(
      Object.keys(codes)
        .map((code) => `${code}.md`)
        .sort(),
    );
  });

  describe.each(pages)('$name', ({ name, text }) => {
    const page = parseCodePage(text);

    it('has the form of a page, and title, severity and stage of the table', () => {
      expect(page, 'the form of pages: test/docs/code-page-file.ts').toBeDefined();
      const { title, severity, stage } = codes[page?.code ?? ''] ?? {};
      expect(page).toMatchObject({ code: name.replace('.md', ''), title, severity, stage });
      expect(page?.language).toBe(stage === 'operation' ? 'sh' : 'yaml');
      // A reader of Markdown would not see such a word.
      expect(`${page?.cause} ${page?.fix}`.replace(/`[^`]*`/g, '')).not.toMatch(/<\w/);
    });

    if (page?.language === 'sh') {
      it('its bad lines fail with this code where they say so, its good ones do not', async () => {
        const bad = await runLines(page.bad);
        const marked = page.bad.split('\n').flatMap((row, index) => (row.includes('# <- here') ? [index + 1] : []));
        expect(marked).not.toEqual([]);
        expect(
          bad.filter(({ code }) => code !== 0).map(({ line }) => line),
          JSON.stringify(bad),
        ).toEqual(marked);
        for (const { code, said } of bad.filter(({ line }) => marked.includes(line))) {
          expect(said).toContain(page.code);
          expect(code).toBe(2);
        }
        const good = await runLines(page.good);
        expect(good.length).toBeGreaterThan(0);
        expect(
          good.map(({ code }) => code),
          JSON.stringify(good),
        ).toEqual(good.map(() => 0));
      });
      return;
    }

    it('its bad example has this finding at its mark, and nothing that it does not say', () => {
      const files = exampleFiles(page?.bad ?? '');
      const found = check(page?.bad ?? '', files);
      expect(page?.bad).toContain('# <- here');
      expect(places(found), told(found)).toEqual(announced(files, page?.code ?? ''));
      const own = found.filter(({ code }) => code === page?.code);
      expect(own.map(({ severity }) => severity)).toEqual(own.map(() => page?.severity));
      for (const { message, hint, object } of own) {
        expect(message).toMatch(/[^.]$/);
        expect(hint).not.toMatch(/^$|[^.]\.$/);
        if (page?.stage === 'references') expect(object).toBeDefined();
      }
      const textOf = (file: string) => files.find(({ path }) => path === file)?.text;
      const frames = own.map((finding) => `${renderDiagnostic(finding, textOf)}\n`).join('');
      if (process.env.WEFT_REFERENCE === 'write') writeFileSync(join(folder, name), withPrinted(text, frames));
      else expect(page?.printed, 'stale: npm run reference').toBe(frames);
    });

    it('its good example has none', () => {
      const files = exampleFiles(page?.good ?? '');
      expect(page?.good).not.toContain('# <- here');
      const found = check(page?.good ?? '', files);
      expect(places(found), told(found)).toEqual(announced(files, ''));
    });
  });
});
