import { Failure } from '../model/failure.ts';

/**
 * The full id of a commit that is named as git names it, `HEAD` or a branch, in the repository of the working folder; what is written as an
 * id stays as it is, as the server's repository may be elsewhere. Throws Failure WEFT0961.
 */
export async function commitNamed(given: string, cwd: string): Promise<string> {
  if (/^[0-9a-f]{7,64}$/.test(given)) return given;
  // Most questions are about an id: git is not loaded for them.
  const { runGit } = await import('../policy/git.ts');
  const { status, stdout } = await runGit(cwd, ['rev-parse', '--verify', '--quiet', `${given}^{commit}`]);
  const id = stdout.toString('utf8').trim();
  if (status === 0 && /^[0-9a-f]{40,64}$/.test(id)) return id;
  throw new Failure(
    'WEFT0961',
    `git knows no commit ${JSON.stringify(given)} here`,
    'go to the repository of the policies, or write the id that git rev-parse prints there',
    cwd,
  );
}
