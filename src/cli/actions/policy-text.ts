import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The text of a policy file as it stands in the work tree, for a code frame; undefined when it cannot be read. */
export function policyText(repository: string, path: string): string | undefined {
  try {
    return readFileSync(join(repository, path), 'utf8');
  } catch {
    return undefined;
  }
}
