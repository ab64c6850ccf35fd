import { expect, test } from 'vitest';
import { rootNamespaceItem } from '../../src/admin/mesh-values.ts';
import { parsePolicies } from '../../src/policy/parse-policies.ts';
import { settings } from '../support/registry-values.ts';

/** What is shown of a mesh with this MeshConfig. */
function shown(meshConfig: string, rootNamespaceFrom?: string) {
  const files = [{ path: 'policies/meshconfig.yaml', text: meshConfig }];
  const options = {
    commit: 'x',
    rootNamespace: settings.rootNamespace,
    folders: 'namespace',
    root: 'policies',
  } as const;
  const { policies } = parsePolicies(files, options);
  if (policies === undefined) throw new Error('not accepted');
  return rootNamespaceItem({ policies, settings: { ...settings, ...(rootNamespaceFrom && { rootNamespaceFrom }) } });
}

test('the root namespace is shown with who says so', () => {
  expect(shown('connectTimeout: 1s\n')).toEqual({ value: 'istio-system', by: 'default:D16' });
  expect(shown('connectTimeout: 1s\n', 'weft.yaml:4')).toEqual({ value: 'istio-system', by: 'weft.yaml:4' });
  expect(shown('connectTimeout: 1s\nrootNamespace: mesh-root\n')).toEqual({
    value: 'mesh-root',
    by: 'policies/meshconfig.yaml:2',
  });
});
