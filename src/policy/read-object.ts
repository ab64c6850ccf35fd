import type { Diagnostic } from '../model/diagnostic.ts';
import type { ExportDefaults } from '../model/mesh-config.ts';
import { nearestName } from '../model/nearest-name.ts';
import type { Policy } from '../model/policy.ts';
import { writtenPlace } from '../model/policy-provenance.ts';
import type { ObjectRef, SourceRange } from '../model/provenance.ts';
import { type CheckContext, readShape } from './check-shape.ts';
import { insteadOf } from './foreign-kinds.ts';
import { independentFindings } from './independent-findings.ts';
import type { KindDefinition, LowerContext } from './kind-definition.ts';
import { kindTable } from './kinds/kind-table.ts';
import { meshConfig } from './kinds/mesh-config.ts';
import { placeWithin } from './place-within.ts';
import { allowUnsupported, type Metadata, readMetadata } from './read-metadata.ts';
import { reportInto } from './report.ts';
import type { Shape } from './shape.ts';
import { anything, names, object } from './shape-builders.ts';
import { reportRefused } from './shape-findings.ts';
import {
  describeNode,
  entryOf,
  type LineIndex,
  type MapNode,
  rangeAt,
  type SourceNode,
  textOf,
} from './source-node.ts';

export interface ObjectOptions {
  /** The path from the root of the policy tree. */
  readonly inside: string;
  /** The namespace that the object's place in the tree gives it. */
  readonly folder: string | undefined;
  readonly rootNamespace: string;
  readonly commit: string;
  /** What MeshConfig says of objects without exportTo (D19). */
  readonly exportTo?: ExportDefaults;
}

const byKind = new Map(
  kindTable.flatMap((kind) => kind.apiVersions.map((version) => [`${version}/${kind.kind}`, kind] as const)),
);

/** One document as an object, if it has no errors. Its findings are appended to `found`. */
export function readObject(
  root: SourceNode,
  lines: LineIndex,
  options: ObjectOptions,
  found: Diagnostic[],
): Policy | undefined {
  const at = rangeAt(lines, root.start, root.end);
  const report = reportInto(found);
  if (root.is !== 'map') {
    report(
      'WEFT0002',
      at,
      `expected an object with apiVersion, kind and metadata, got ${describeNode(root)}`,
      'write apiVersion, kind, metadata and spec',
    );
    return undefined;
  }
  const definition = findKind(root, lines, options.inside, found);
  if (!definition) return undefined;
  const before = found.length;
  const name = textOf(entryOf(root, 'metadata')?.value, 'name');
  const namespace = options.folder ?? textOf(entryOf(root, 'metadata')?.value, 'namespace') ?? 'default';
  const ref: ObjectRef | undefined = name === undefined ? undefined : { kind: definition.kind, namespace, name };
  const annotation = textOf(entryOf(entryOf(root, 'metadata')?.value, 'annotations')?.value, allowUnsupported);
  const allowed = new Set(annotation?.split(/[\s,]+/).filter((path) => path !== '') ?? []);
  const context: CheckContext = {
    lines,
    report: reportInto(found, ref ? { object: ref } : {}),
    whole: definition.spec,
    ...(definition.security ? {} : { allowed }),
    positions: new Map(),
  };
  const metadata = readMetadata(root, options.folder, context);
  const value = readBody(root, definition, context);
  if (metadata && definition.rootOnly && metadata.namespace !== options.rootNamespace) {
    const message = `${definition.kind} must live in the root namespace ${options.rootNamespace}`;
    context.report('WEFT0012', context.positions.get('metadata.name') ?? at, message, 'move it', {
      field: 'metadata.namespace',
    });
  }
  const clean = () => !found.slice(before).some(({ severity }) => severity === 'error');
  const { lower, ignored } = definition;
  if (ignored !== undefined && metadata && clean()) {
    const place = context.positions.get('metadata.name') ?? at;
    const field = 'metadata.name';
    context.report('WEFT0132', place, `has no effect here: ${ignored}`, 'leave it, or remove it', {
      field,
      severity: 'info',
    });
  }
  if (!lower) return undefined;
  const { positions } = context;
  const defaults = { ...options, exportTo: exportDefault(options, definition.kind) };
  if (!metadata || !clean()) {
    const judge = (repaired: unknown) => {
      const meaning: Diagnostic[] = [];
      const judging = { ...context, report: reportInto(meaning, ref ? { object: ref } : {}) };
      const known = metadata ?? { name: name ?? 'a', namespace, labels: {}, annotations: {} };
      lower(repaired, lowerContext(known, defaults, judging, at));
      return metadata ? meaning : meaning.filter(({ field = '' }) => !field.startsWith('metadata'));
    };
    const wrong = found.slice(before);
    const node = entryOf(root, 'spec')?.value ?? { ...root, entries: [] };
    found.push(...independentFindings({ shape: definition.spec, node, value, path: 'spec', context, wrong, judge }));
    return undefined;
  }
  const spec = lower(value, lowerContext(metadata, defaults, context, at));
  for (const path of allowed) {
    const field = 'metadata.annotations["weft.dev/allow-unsupported"]';
    const message = `${JSON.stringify(path)} allows nothing: no refused field has this path`;
    context.report('WEFT0009', positions.get(field) ?? at, message, 'remove it', { field });
  }
  if (!clean()) return undefined;
  const { kind } = definition;
  // The kind decides the type of its spec: KindDefinition.lower was made for exactly this kind.
  return { kind, ...metadata, spec, at, commit: options.commit, positions } as Policy;
}

/** Whether a document is what only one file may hold: nothing in it is of an object, and something is of MeshConfig. */
function isMeshConfigBody({ entries }: MapNode): boolean {
  const keys = entries.map(({ key }) => key);
  const ofObjects = ['apiVersion', 'kind', 'metadata', 'spec'];
  return !keys.some((key) => ofObjects.includes(key)) && keys.some((key) => Object.hasOwn(meshConfig.fields, key));
}

/** Finds the kind by apiVersion and kind (WEFT0003), and says so if it is refused as a whole (WEFT0004). */
function findKind(root: MapNode, lines: LineIndex, inside: string, found: Diagnostic[]): KindDefinition | undefined {
  const report = reportInto(found);
  const start = rangeAt(lines, root.start, root.end);
  if (isMeshConfigBody(root)) {
    const hint = `write them in ${lines.file.slice(0, lines.file.length - inside.length)}meshconfig.yaml`;
    report(
      'WEFT0002',
      start,
      'expected an object with apiVersion, kind and metadata, got the fields of MeshConfig',
      hint,
    );
    return undefined;
  }
  const words = ['apiVersion', 'kind'].map((key) => {
    const entry = entryOf(root, key);
    const word = textOf(root, key);
    if (word !== undefined && word !== '') return word;
    const got = entry ? `a text, got ${describeNode(entry.value)}` : `${JSON.stringify(key)}, which is required`;
    const near = entry
      ? undefined
      : nearestName(
          key,
          root.entries.map(({ key: other }) => other),
        );
    const at = entry ? rangeAt(lines, entry.value.start, entry.value.end) : start;
    report(
      'WEFT0002',
      at,
      `expected ${got}`,
      near ? `did you mean ${JSON.stringify(key)} instead of ${JSON.stringify(near)}?` : `add ${key}`,
      { field: key },
    );
    return undefined;
  });
  const [apiVersion, kind] = words;
  if (apiVersion === undefined || kind === undefined) return undefined;
  const definition = byKind.get(`${apiVersion}/${kind}`);
  const entry = entryOf(root, 'kind');
  const at = entry ? rangeAt(lines, entry.value.start, entry.value.end) : start;
  if (!definition) {
    report('WEFT0003', at, `unknown kind ${JSON.stringify(`${apiVersion}/${kind}`)}`, nearestKind(apiVersion, kind), {
      field: 'kind',
    });
    return undefined;
  }
  const { tier, hint } = definition;
  if (tier) reportRefused({ report }, 'kind', at, { tier, word: kind, ...(hint !== undefined && { hint }) });
  return definition;
}

function nearestKind(apiVersion: string, kind: string): string {
  const foreign = insteadOf(apiVersion, kind);
  if (foreign !== undefined) return foreign;
  const sameKind = kindTable.find((candidate) => candidate.kind === kind);
  const near =
    sameKind ??
    kindTable.find(
      (candidate) =>
        candidate.kind ===
        nearestName(
          kind,
          kindTable.map((one) => one.kind),
        ),
    );
  if (!near)
    return `known: ${kindTable
      .filter(({ tier }) => !tier)
      .map((one) => one.kind)
      .join(', ')}`;
  const version = near.apiVersions.includes(apiVersion) ? apiVersion : near.apiVersions[0];
  return `did you mean "${version}/${near.kind}"?`;
}

const head: Readonly<Record<string, Shape>> = { apiVersion: anything, kind: anything, metadata: anything };
const documentShape = object({ ...head, spec: anything });
/** What has its place there, for whoever writes it beside. */
const metadataShape = names('name', 'namespace', 'labels', 'annotations');

/** Checks what stands beside apiVersion, kind and metadata, and reads the spec. An absent spec is an empty one. */
function readBody(root: MapNode, definition: KindDefinition, context: CheckContext): unknown {
  const { lines, report, positions } = context;
  const empty: MapNode = { is: 'map', entries: [], start: root.start, end: root.end };
  const rest = root.entries.filter((entry) => {
    if (entry.key !== 'status') return true;
    report('WEFT0008', rangeAt(lines, entry.start, entry.end), 'skipped server-written field status', 'delete it', {
      field: 'status',
    });
    return false;
  });
  const document: MapNode = { ...root, entries: rest };
  if (definition.body === 'document') {
    const fields = definition.spec.is === 'object' ? definition.spec.fields : {};
    readShape(object({ ...fields, ...head }), document, '', context);
    return {};
  }
  const whole = object({ metadata: metadataShape, spec: definition.spec });
  readShape(documentShape, document, '', { ...context, whole });
  const spec = entryOf(root, 'spec');
  positions.set('spec', spec ? rangeAt(lines, spec.start, spec.end) : rangeAt(lines, root.start, root.end));
  return readShape(definition.spec, spec?.value ?? empty, 'spec', context);
}

/** D19: what MeshConfig says for objects of a kind; empty: nothing. A ServiceEntry makes services. */
function exportDefault({ exportTo = {} }: ObjectOptions, kind: string): readonly string[] {
  const word = kind === 'ServiceEntry' ? 'Service' : kind;
  return word === 'Service' || word === 'VirtualService' || word === 'DestinationRule' ? (exportTo[word] ?? []) : [];
}

/** What the checks of meaning of one object are given. */
export function lowerContext(
  metadata: Metadata,
  options: Pick<LowerContext, 'rootNamespace' | 'exportTo'>,
  context: CheckContext,
  start: SourceRange,
): LowerContext {
  const { positions } = context;
  const placeOf = (field: string) => writtenPlace(positions, field) ?? { field, at: start };
  return {
    name: metadata.name,
    namespace: metadata.namespace,
    rootNamespace: options.rootNamespace,
    labels: metadata.labels,
    annotations: metadata.annotations,
    exportTo: options.exportTo,
    file: context.lines.file,
    report(code, field, message, hint, { part, ...details } = {}) {
      const written = placeOf(field);
      const at = part === undefined ? written.at : placeWithin(context.lines, written.at, part);
      context.report(code, at, message, hint, { ...details, field: written.field });
    },
    refuse(field, tier, word, more) {
      const written = placeOf(field);
      reportRefused({ report: context.report }, written.field, written.at, { tier, word, ...more });
    },
    place(field, written) {
      const at = positions.get(written);
      if (at && !positions.has(field)) positions.set(field, { ...at, writtenAs: written });
    },
    lineOf: (field) => placeOf(field).at.line,
  };
}
