import type { AuthorizationPolicyObject } from '../../model/policy.ts';
import type { AuthorizationRule } from '../../model/security-policy.ts';
import { ofKind, type ReferenceScope, relatedTo, reportAt } from './reference-scope.ts';

/** What an application may read alike and rules do not, by the mode that leaves it so. */
const different = { NONE: '"/../", "//" and "%2F" can differ', BASE: '"//" and "%2F" can differ' } as const;
const sentence = 'pathNormalization.normalization';

/**
 * WEFT0162 (P47), once for each policy: it looks at paths that are not brought into one form before, so that a request may mean to the
 * application what it does not say to the rule. BASE where nobody says anything (D22).
 */
export function checkPathRules(scope: ReferenceScope, policy: AuthorizationPolicyObject): void {
  const [meshConfig] = ofKind(scope, 'MeshConfig');
  const mode = meshConfig?.spec.pathNormalization ?? 'BASE';
  if (mode !== 'NONE' && mode !== 'BASE') return;
  for (const [index, rule] of policy.spec.rules.entries()) {
    const field = pathField(rule);
    if (field === undefined) continue;
    const message = `path rule under pathNormalization ${mode}; ${different[mode]}`;
    const hint = 'in meshconfig.yaml set pathNormalization: {normalization: MERGE_SLASHES} or DECODE_AND_MERGE_SLASHES';
    const isSaid = meshConfig?.spec.pathNormalization !== undefined;
    reportAt(scope, 'WEFT0162', policy, `spec.rules[${index}].${field}`, message, hint, {
      ...(isSaid && { related: relatedTo(meshConfig, sentence, 'who says so') }),
    });
    return;
  }
}

function pathField({ to }: AuthorizationRule): string | undefined {
  for (const [index, operation] of to.entries()) {
    const name = (['paths', 'notPaths'] as const).find((each) => operation[each].some((path) => !anyPath.has(path)));
    if (name !== undefined) return `to[${index}].operation.${name}`;
  }
  return undefined;
}

/** Forms that every path meets, however it is written. */
const anyPath: ReadonlySet<string> = new Set(['*', '/*', '/{**}']);
