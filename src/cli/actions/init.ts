import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { oneLine } from '../../control-plane/one-line.ts';
import { readSettings } from '../../control-plane/settings.ts';
import { Failure } from '../../model/failure.ts';
import { errorCode } from '../../store/file-modes.ts';
import { marks } from '../marks.ts';
import type { ExitCode, VerbContext } from '../verb.ts';

const fileName = 'security.yaml';
const subject = 'Mutual TLS for everybody, and nothing allowed';

/**
 * `weft init`: the policies that a mesh begins with, as the first commit of a repository, or as one more of the repository that DIR is in.
 * Throws Failure WEFT0912 where there are policies already, WEFT0906 where the file cannot be written or committed.
 */
export async function init({ arguments: words, cwd, env, output }: VerbContext): Promise<ExitCode> {
  const folder = resolve(cwd, words[0] ?? '.');
  const settings = join(folder, 'weft.yaml');
  const { values } = readSettings(existsSync(settings) ? settings : undefined);
  const policies = join(folder, values['policy.path']);
  const file = join(values['policy.path'], fileName);
  requireNothing(policies);
  writeNew(policies, securityYaml(values.trustDomain, values.rootNamespace));
  await commit(folder, file, env);
  const next = words[0] === undefined ? 'weft up' : `weft up ${words[0]}`;
  output.object('InitResult', { files: [file] }, [`${marks(env).good} ${file} is committed: read it, then ${next}`]);
  return 0;
}

/** Two objects that a reader sees: no hidden deny, no hidden allow (section 3 of reliability.md). */
function securityYaml(trustDomain: string, rootNamespace: string): string {
  return `# A sidecar answers nobody who shows no certificate of this mesh.
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default, namespace: ${rootNamespace} }
spec: { mtls: { mode: STRICT } }
---
# Nothing is allowed but what another policy allows, for example in shop/payments.yaml beside this file:
#
#   apiVersion: security.istio.io/v1
#   kind: AuthorizationPolicy
#   metadata: { name: payments-callers }
#   spec:
#     selector: { matchLabels: { app: payments } }
#     rules: [{ from: [{ source: { principals: [${trustDomain}/ns/shop/sa/web] } }] }]
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: allow-nothing, namespace: ${rootNamespace} }
spec: {}
`;
}

/** Where policies are already, these two would turn away who is served now, or contradict them. */
function requireNothing(policies: string): void {
  const [first] = namesIn(policies).filter((name) => !name.startsWith('.'));
  if (first === undefined) return;
  throw new Failure(
    'WEFT0912',
    'there are policies already, and nothing is added to them',
    `name an empty folder: weft init NEW; what is missing here can be copied from its ${fileName}`,
    join(policies, first),
  );
}

/** What is no folder yet is told where it is to be written. */
function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function writeNew(policies: string, text: string): void {
  const path = join(policies, fileName);
  try {
    mkdirSync(policies, { recursive: true });
    writeFileSync(path, text, { flag: 'wx' });
  } catch (error) {
    const hint = 'name a folder in which this user may write';
    throw new Failure('WEFT0906', `the file cannot be written (${errorCode(error)})`, hint, path);
  }
}

/** Git runs as its user would run it, with the name, the hooks and the signature that it has for them. */
async function commit(folder: string, file: string, env: NodeJS.ProcessEnv): Promise<void> {
  const git = (...words: string[]) => promisify(execFile)('git', words, { cwd: folder, env });
  try {
    // A folder of a repository stays one.
    await git('rev-parse', '--is-inside-work-tree').catch(() => git('init', '-q'));
    await git('add', '--', file);
    await git('commit', '-q', '-m', subject, '--', file);
  } catch (error) {
    const said = String(error instanceof Error && 'stderr' in error && error.stderr !== '' ? error.stderr : error);
    const isNobody = said.includes('user.email');
    const why = isNobody ? 'git does not know who you are' : oneLine(said);
    const mended = isNobody
      ? 'git config --global user.name NAME && git config --global user.email ADDRESS, then'
      : 'when that is mended:';
    throw new Failure(
      'WEFT0906',
      `${file} is written, but not committed: ${why}`,
      `${mended} cd ${folder} && git add ${file} && git commit -m '${subject}'`,
      folder,
    );
  }
}
