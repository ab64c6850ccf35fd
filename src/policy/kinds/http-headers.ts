import type { HeaderRules } from '../../model/virtual-service.ts';
import { fieldPath } from '../field-path.ts';
import type { LowerContext } from '../kind-definition.ts';
import type { Infer } from '../shape.ts';
import type { headerRules } from './http-shape.ts';

type Written = Infer<typeof headerRules>;

export function lowerHeaderRules(written: Written): HeaderRules {
  const operations = ({ set = {}, add = {}, remove = [] }: NonNullable<Written['request']>) => ({
    set: withValue(set),
    add: withValue(add),
    remove,
  });
  return { request: operations(written.request ?? {}), response: operations(written.response ?? {}) };
}

/** Envoy neither sets nor adds a header without a value. */
function withValue(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== ''));
}

/** P18: where request headers at `path` set or add `host` or `:authority`. */
export function authorityField(written: Written | undefined, path: string): string | undefined {
  for (const operation of ['set', 'add'] as const) {
    const name = Object.keys(withValue(written?.request?.[operation] ?? {})).find(isAuthority);
    if (name !== undefined) return fieldPath(`${path}.request.${operation}`, name);
  }
  return undefined;
}

function isAuthority(name: string): boolean {
  const lower = name.toLowerCase();
  return lower === 'host' || lower === ':authority';
}

/** P18: `host` only in requests and not beside another rewrite of the authority (`earlier`: its field); no other names that begin with `:`. */
export function checkHeaderRules(
  written: Written | undefined,
  path: string,
  earlier: string | undefined,
  context: LowerContext,
): void {
  let first = earlier;
  for (const side of ['request', 'response'] as const) {
    for (const operation of ['set', 'add', 'remove'] as const) {
      for (const [name, value, field] of entriesOf(
        written?.[side]?.[operation] ?? {},
        `${path}.${side}.${operation}`,
      )) {
        const authority = isAuthority(name);
        const rewrite = authority && side === 'request' && operation !== 'remove';
        if (!rewrite && (authority || name.startsWith(':'))) {
          const message = `expected a header that may be changed here, got ${JSON.stringify(name)}`;
          const hint = authority ? 'host can be set in requests only' : 'use rewrite, or leave it';
          context.report('WEFT0002', field, message, hint);
        } else if (value === '') {
          context.report('WEFT0132', field, 'has no effect: a header without a value is not sent', 'remove it');
        } else if (rewrite) {
          if (first === undefined) {
            first = field;
            continue;
          }
          const message = `${JSON.stringify(name)} and another rewrite of the authority exclude each other`;
          const related = [{ file: context.file, line: context.lineOf(first), message: 'the other' }];
          context.report('WEFT0137', field, message, 'keep one', { related });
        }
      }
    }
  }
}

/** Names with their values, those that are removed without, and their places. */
function entriesOf(
  written: readonly string[] | Readonly<Record<string, string>>,
  path: string,
): readonly (readonly [name: string, value: string | undefined, field: string])[] {
  return Array.isArray(written)
    ? written.map((name: string, index) => [name, undefined, fieldPath(path, index)] as const)
    : Object.entries(written).map(([name, value]) => [name, value, fieldPath(path, name)] as const);
}
