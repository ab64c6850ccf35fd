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

/** P18: whether request headers set or add `host` or `:authority`. */
export function rewritesAuthority(written: Written | undefined): boolean {
  const { set = {}, add = {} } = written?.request ?? {};
  return [...Object.keys(withValue(set)), ...Object.keys(withValue(add))].some(isAuthority);
}

function isAuthority(name: string): boolean {
  const lower = name.toLowerCase();
  return lower === 'host' || lower === ':authority';
}

/** P18: `host` only in requests and not beside another rewrite of the authority; no other names that begin with `:`. */
export function checkHeaderRules(
  written: Written | undefined,
  path: string,
  authorityTwice: boolean,
  context: LowerContext,
): void {
  let rewrites = authorityTwice ? 1 : 0;
  for (const side of ['request', 'response'] as const) {
    for (const operation of ['set', 'add', 'remove'] as const) {
      const entries = written?.[side]?.[operation] ?? {};
      const named: readonly (readonly [string, string])[] = Array.isArray(entries)
        ? entries.map((name: string, index) => [name, fieldPath(`${path}.${side}.${operation}`, index)] as const)
        : Object.keys(entries).map((name) => [name, fieldPath(`${path}.${side}.${operation}`, name)] as const);
      for (const [name, field] of named) {
        const authority = isAuthority(name);
        if (!Array.isArray(entries) && Object.entries(entries).some(([key, value]) => key === name && value === '')) {
          context.report('WEFT0132', field, 'has no effect: a header without a value is not sent', 'remove it');
        } else if (authority && side === 'request' && operation !== 'remove') {
          rewrites += 1;
          if (rewrites > 1) {
            context.report(
              'WEFT0137',
              field,
              `${JSON.stringify(name)} and another rewrite of the authority exclude each other`,
              'keep one',
            );
          }
        } else if (authority || name.startsWith(':')) {
          const message = `expected a header that may be changed here, got ${JSON.stringify(name)}`;
          context.report(
            'WEFT0002',
            field,
            message,
            authority ? 'host can be set in requests only' : 'use rewrite, or leave it',
          );
        }
      }
    }
  }
}
