import { isLabel } from '../model/identity.ts';
import { nearestName } from '../model/nearest-name.ts';
import type { Labels } from '../model/policy.ts';
import type { SourceRange } from '../model/provenance.ts';
import { type CheckContext, checkShape } from './check-shape.ts';
import { fieldPath } from './field-path.ts';
import { labels, map, object, refusedFields, text } from './shape-builders.ts';
import { reportRefused } from './shape-findings.ts';
import { describeNode, entryOf, type MapNode, rangeAt, textOf } from './source-node.ts';

export interface Metadata {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Labels;
  readonly annotations: Labels;
}

/** Fields that a Kubernetes API server writes; exported objects may be pasted with them (WEFT0008). */
export const serverWritten = new Set([
  'uid',
  'resourceVersion',
  'creationTimestamp',
  'generation',
  'managedFields',
  'ownerReferences',
  'selfLink',
]);

export const metadataShape = object(
  {
    name: text('name'),
    namespace: text('label'),
    labels,
    annotations: map('label-key', { is: 'text', rule: 'free', nonEmpty: false }),
    ...refusedFields('never', ['generateName', 'finalizers', 'deletionTimestamp', 'deletionGracePeriodSeconds']),
  },
  { required: ['name'] },
);

const whole = object({ metadata: metadataShape });

export const allowUnsupported = 'weft.dev/allow-unsupported';

/** Why a commit lets in who was refused before (T14). */
export const widensAnnotation = 'weft.dev/widens';

const ownAnnotations: readonly string[] = [allowUnsupported, widensAnnotation];

/** Of a `v1/Service`, which has no field for it (P6). */
export const exportToAnnotation = 'networking.istio.io/exportTo';

/** Of an AuthorizationPolicy: it decides nothing, and tells what it would decide (P46). */
export const dryRunAnnotation = 'istio.io/dry-run';

/** Reads `metadata` of a document. `folder` is the namespace that its place in the tree gives it, if any (section 1.4). */
export function readMetadata(
  document: MapNode,
  folder: string | undefined,
  context: CheckContext,
): Metadata | undefined {
  const written = entryOf(document, 'metadata');
  const { lines, report, positions } = context;
  if (written?.value.is !== 'map') {
    const at = written ? rangeAt(lines, written.start, written.end) : rangeAt(lines, document.start, document.end);
    const got = written ? `a map, got ${describeNode(written.value)}` : '"metadata", which is required';
    report('WEFT0002', at, `expected ${got}`, 'add metadata: {name: NAME}', { field: 'metadata' });
    return undefined;
  }
  positions.set('metadata', rangeAt(lines, written.start, written.end));
  const entries = written.value.entries.filter((entry) => {
    if (!serverWritten.has(entry.key)) return true;
    const field = fieldPath('metadata', entry.key);
    report('WEFT0008', rangeAt(lines, entry.start, entry.end), `skipped server-written field ${field}`, 'delete it', {
      field,
    });
    return false;
  });
  const read = checkShape(metadataShape, { ...written.value, entries }, 'metadata', {
    ...context,
    whole,
  });
  if (!read.name) return undefined;
  checkAnnotations(read.annotations ?? {}, textOf(document, 'kind'), context);
  const at = positions.get('metadata.namespace');
  if (folder !== undefined && read.namespace !== undefined && read.namespace !== folder && at) {
    const message = `namespace ${JSON.stringify(read.namespace)} is stated in folder ${JSON.stringify(folder)}`;
    report('WEFT0010', at, message, 'move the file, or set policy.folders: free', { field: 'metadata.namespace' });
  }
  const namespace = folder ?? read.namespace ?? 'default';
  if (folder !== undefined && !isLabel(folder)) {
    const message = `expected a folder that can be a namespace, got ${JSON.stringify(folder)}`;
    report(
      'WEFT0002',
      placeOf(positions, 'metadata.name'),
      message,
      'rename the folder: lower-case letters, digits and "-"',
    );
  }
  return { name: read.name, namespace, labels: read.labels ?? {}, annotations: read.annotations ?? {} };
}

function placeOf(positions: ReadonlyMap<string, SourceRange>, field: string): SourceRange {
  return positions.get(field) ?? { file: '', line: 1, column: 1, endLine: 1, endColumn: 2 };
}

/** Annotations of Istio change what an object does, so they are refused by name; ours are known; others are free. */
function checkAnnotations(annotations: Labels, kind: string | undefined, context: CheckContext): void {
  for (const key of Object.keys(annotations)) {
    if (kind === 'Service' && key === exportToAnnotation) continue;
    if (kind === 'AuthorizationPolicy' && key === dryRunAnnotation) continue;
    const field = fieldPath('metadata.annotations', key);
    const at = placeOf(context.positions, field);
    const domain = key.split('/')[0] ?? '';
    if (domain === 'istio.io' || domain.endsWith('.istio.io')) {
      reportRefused(context, field, at, { tier: key.endsWith('/exportTo') ? 'T1' : 'never' });
    } else if (key === widensAnnotation && annotations[key]?.trim() === '') {
      const hint = 'say why who was refused may call now';
      context.report('WEFT0002', at, `${key} gives no reason`, hint, { field });
    } else if (domain === 'weft.dev' && !ownAnnotations.includes(key)) {
      const near = nearestName(key, ownAnnotations);
      context.report(
        'WEFT0002',
        at,
        `unknown annotation ${JSON.stringify(key)}`,
        `did you mean ${JSON.stringify(near ?? allowUnsupported)}?`,
        {
          field: 'metadata.annotations',
        },
      );
    }
  }
}
