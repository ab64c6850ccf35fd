import { kindTable } from './kinds/kind-table.ts';
import { meshConfig } from './kinds/mesh-config.ts';
import { metadataShape, serverWritten } from './read-metadata.ts';
import type { Fields, ObjectShape, Shape, Tier } from './shape.ts';
import { anything, choice, list, object } from './shape-builders.ts';

/** All that one kind of document may hold: what the parser reads, as one value for the editor schema, the support page and the tests. */
export interface DocumentShape {
  readonly kind: string;
  /** Every apiVersion it may be written with, newest first; none: the document is a plain file. */
  readonly apiVersions: readonly string[];
  /** The file that it must stand in, at the root of the policy tree. */
  readonly file?: string;
  /** Nothing refused is ever allowed by annotation. */
  readonly security: boolean;
  /** Set: the whole kind is refused. */
  readonly tier?: Tier;
  readonly document: ObjectShape;
}

/** `v1/List`: its items are documents themselves. */
const listDocument: DocumentShape = {
  kind: 'List',
  apiVersions: ['v1'],
  security: false,
  document: object(
    { apiVersion: choice(['v1']), kind: choice(['List']), metadata: anything, items: list(anything) },
    { required: ['apiVersion', 'kind', 'items'] },
  ),
};

const meshConfigDocument: DocumentShape = {
  kind: 'MeshConfig',
  apiVersions: [],
  file: 'meshconfig.yaml',
  security: false,
  document: meshConfig,
};

/** What a server writes may stand in pasted objects; it is skipped (WEFT0008). */
const skipped: Fields = Object.fromEntries([...serverWritten].map((name) => [name, anything]));
const metadata = object({ ...metadataShape.fields, ...skipped }, { required: ['name'] });

function documentOf(kind: string, apiVersions: readonly string[], spec: Shape, body: 'spec' | 'document'): ObjectShape {
  const head = { apiVersion: choice(apiVersions), kind: choice([kind]), metadata };
  const rest: Fields = body === 'spec' ? { spec } : spec.is === 'object' ? spec.fields : {};
  return object({ ...head, ...rest, status: anything }, { required: ['apiVersion', 'kind', 'metadata'] });
}

/** Every document of section 1.1 of policy-surface.md, served or refused by name. */
export const documentShapes: readonly DocumentShape[] = [
  ...kindTable.map(
    ({ kind, apiVersions, spec, security, tier, body = 'spec' }): DocumentShape => ({
      kind,
      apiVersions,
      security,
      ...(tier && { tier }),
      document: documentOf(kind, apiVersions, spec, body),
    }),
  ),
  meshConfigDocument,
  listDocument,
];
