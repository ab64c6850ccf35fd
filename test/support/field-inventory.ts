import type { DocumentShape } from '../../src/policy/document-shapes.ts';
import type { Row, Shape, Tier } from '../../src/policy/shape.ts';

/** A field of a kind, wherever it stands. */
export interface InventoryField {
  /** Below the spec: `http[].match[].headers{}.exact`; `[]` are the entries of a list, `{}` the values of a map. */
  readonly path: string;
  /** What stands there; of a refused or deprecated field, what is inside. */
  readonly shape: Shape;
  /** The line of section 3 that stands on this very field. */
  readonly row?: Row;
  /** The tier of the nearest row or refusal at or above it; undefined: there is none. */
  readonly tier: Tier | undefined;
  /** Refused itself, or inside what is. */
  readonly refused: boolean;
  readonly deprecated?: string;
}

interface Above {
  readonly tier: Tier | undefined;
  readonly refused: boolean;
}

/** Every field below the spec of a document, or below the document where it has no spec. */
export function inventoryOf({ document, tier }: DocumentShape): readonly InventoryField[] {
  const { spec = document } = document.fields;
  // Of a kind whose spec is refused whole that is the one field.
  if (spec.is === 'refused') return fieldOf(spec, 'spec', { tier, refused: false });
  return fieldsOf(spec, '', { tier, refused: tier !== undefined });
}

function fieldsOf(shape: Shape, path: string, above: Above): readonly InventoryField[] {
  switch (shape.is) {
    case 'object':
      return Object.entries(shape.fields).flatMap(([name, inner]) =>
        fieldOf(inner, path === '' ? name : `${path}.${name}`, above),
      );
    case 'list':
      return fieldsOf(shape.items, `${path}[]`, above);
    case 'map':
      return fieldsOf(shape.values, `${path}{}`, above);
    case 'refused':
      return fieldsOf(shape.inside, path, above);
    case 'deprecated':
      return fieldsOf(shape.shape, path, above);
    default:
      return [];
  }
}

function fieldOf(written: Shape, path: string, above: Above): readonly InventoryField[] {
  const deprecated = written.is === 'deprecated' ? written.write : undefined;
  const outer = written.is === 'deprecated' ? written.shape : written;
  const row = written.row ?? outer.row;
  const isRefused = outer.is === 'refused';
  const tier = row?.tier ?? (outer.is === 'refused' ? outer.tier : above.tier);
  const shape = outer.is === 'refused' ? outer.inside : outer;
  const here = { tier, refused: above.refused || isRefused };
  const field = { path, shape, ...here, ...(row && { row }), ...(deprecated !== undefined && { deprecated }) };
  return [field, ...fieldsOf(shape, path, here)];
}
