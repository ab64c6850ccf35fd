import type { ObjectShape, Shape } from './shape.ts';
import type { ScalarNode } from './source-node.ts';

/**
 * A value that stands where a map belongs, as the map that was meant: `{ exact: /b }`, `{ number: 80 }`, `{ mode: REGISTRY_ONLY }`.
 * Undefined where no field takes such a value, or several do. `fits` tells what a field takes.
 */
export function wrapped(
  shape: ObjectShape,
  node: ScalarNode,
  fits: (shape: Shape, node: ScalarNode) => boolean,
): string | undefined {
  if (node.value === null) return undefined;
  // A text condition is exact unless it says otherwise, of numbers too.
  if (shape.fields.exact?.is === 'text') return `{ exact: ${textOf(node)} }`;
  const fitting = Object.entries(shape.fields).filter(([, inner]) => fits(inner, node));
  const words = fitting.filter(([, { is }]) => is === 'choice');
  const required = fitting.filter(([name]) => shape.required.includes(name));
  // One of the words of a list says more than a text that may be anything; then what may not be left out.
  const sole = [words, required, fitting].find(({ length }) => length === 1)?.[0];
  if (sole === undefined) return undefined;
  return `{ ${sole[0]}: ${typeof node.value === 'string' ? textOf(node) : node.source} }`;
}

/** The value as a text inside `{ }`: what YAML would take for something else is quoted. */
function textOf({ value, source }: ScalarNode): string {
  if (typeof value !== 'string') return JSON.stringify(source);
  const isWord = /^[A-Za-z/][\w./-]*$/.test(value) && !/^(?:true|false|null|yes|no|on|off|y|n)$/i.test(value);
  return isWord ? value : JSON.stringify(value);
}
