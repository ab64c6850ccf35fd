import type { Diagnostic } from '../model/diagnostic.ts';
import type { MeshConfigObject } from '../model/policy.ts';
import { type CheckContext, checkShape } from './check-shape.ts';
import { independentFindings } from './independent-findings.ts';
import { lowerMeshConfig, meshConfig } from './kinds/mesh-config.ts';
import { lowerContext } from './read-object.ts';
import { reportInto } from './report.ts';
import type { Infer } from './shape.ts';
import { describeNode, entryOf, type LineIndex, rangeAt, type SourceNode, textOf } from './source-node.ts';

export interface MeshConfigOptions {
  /** Of weft.yaml, or the default. */
  readonly rootNamespace: string;
  /** Where weft.yaml states rootNamespace, `weft.yaml:4`; absent: it does not, and MeshConfig may. */
  readonly rootNamespaceFrom?: string;
  /** The control plane's; absent: not known here. */
  readonly trustDomain?: string;
  readonly commit: string;
}

/** True for the file that holds the MeshConfig: `path` is relative to the tree. */
export function isMeshConfigFile(path: string): boolean {
  return /^meshconfig\.(?:ya?ml|json)$/.test(path);
}

/** Where objects that are pasted here hold their MeshConfig. */
const around: Readonly<Record<string, string>> = {
  IstioOperator: 'spec.meshConfig',
  Istio: 'spec.values.meshConfig',
  ConfigMap: 'data.mesh',
};

/**
 * The body of `meshconfig.yaml` as an object, if it has no errors. It has no metadata, and so no annotation that would allow what is
 * not supported: that must be removed.
 */
export function readMeshConfig(
  root: SourceNode,
  lines: LineIndex,
  options: MeshConfigOptions,
  found: Diagnostic[],
): MeshConfigObject | undefined {
  const at = rangeAt(lines, root.start, root.end);
  const ref = { kind: 'MeshConfig', namespace: options.rootNamespace, name: 'mesh' };
  const report = reportInto(found, { object: ref });
  if (root.is !== 'map') {
    report('WEFT0002', at, `expected the fields of MeshConfig, got ${describeNode(root)}`, 'write key: value lines');
    return undefined;
  }
  const kind = textOf(root, 'kind');
  if (kind !== undefined && entryOf(root, 'apiVersion')) {
    const hint = Object.hasOwn(around, kind) ? `take what is under ${around[kind]}` : 'an object has a file of its own';
    report('WEFT0002', at, `expected the fields of MeshConfig, got an object of kind ${kind}`, hint, { field: 'kind' });
    return undefined;
  }
  const before = found.length;
  const failed = () => found.slice(before).some(({ severity }) => severity === 'error');
  const context: CheckContext = { lines, report, whole: meshConfig, positions: new Map() };
  const written = checkShape(meshConfig, root, '', context);
  const { positions } = context;
  const lower = (value: Infer<typeof meshConfig>, within: CheckContext) => {
    const lowering = lowerContext({ ...ref, labels: {}, annotations: {} }, { ...options, exportTo: [] }, within, at);
    return lowerMeshConfig(value, lowering, options.trustDomain);
  };
  if (failed()) {
    const judge = (repaired: unknown) => {
      const meaning: Diagnostic[] = [];
      // Repaired by this very shape, so it has the shape's type.
      lower(repaired as Infer<typeof meshConfig>, { ...context, report: reportInto(meaning, { object: ref }) });
      return meaning;
    };
    const wrong = found.slice(before);
    found.push(
      ...independentFindings({ shape: meshConfig, node: root, value: written, path: '', context, wrong, judge }),
    );
    return undefined;
  }
  const spec = lower(written, context);
  const { rootNamespace = options.rootNamespace } = spec;
  if (options.rootNamespaceFrom !== undefined && rootNamespace !== options.rootNamespace) {
    const message = `expected the root namespace of ${options.rootNamespaceFrom}, ${JSON.stringify(options.rootNamespace)}, got ${JSON.stringify(rootNamespace)}`;
    report('WEFT0002', positions.get('rootNamespace') ?? at, message, 'state it in one of the two places', {
      field: 'rootNamespace',
    });
  }
  if (failed()) return undefined;
  const { commit } = options;
  return {
    kind: 'MeshConfig',
    namespace: rootNamespace,
    name: 'mesh',
    labels: {},
    annotations: {},
    spec,
    at,
    commit,
    positions,
  };
}
