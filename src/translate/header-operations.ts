import type { HeaderChange, HeaderChanges } from '../model/ir-route.ts';
import {
  type HeaderValueOption,
  HeaderValueOption_HeaderAppendAction,
  HeaderValueOptionSchema,
} from '../proto/gen/envoy/config/core/v3/base_pb.ts';
import { message } from '../proto/message.ts';

/** The four header lists that a route and a cluster weight both have. */
export interface HeaderOperations {
  readonly requestHeadersToAdd: HeaderValueOption[];
  readonly requestHeadersToRemove: string[];
  readonly responseHeadersToAdd: HeaderValueOption[];
  readonly responseHeadersToRemove: string[];
}

/** Header changes applied one level after another, each level in the order set, add, remove (P18). */
export function headerOperations(levels: readonly (HeaderChanges | undefined)[]): HeaderOperations {
  const present = levels.filter((level) => level !== undefined);
  const request = sequence(present.map((level) => level.request));
  const response = sequence(present.map((level) => level.response));
  return {
    requestHeadersToAdd: request.add,
    requestHeadersToRemove: request.remove,
    responseHeadersToAdd: response.add,
    responseHeadersToRemove: response.remove,
  };
}

interface Entry {
  readonly name: string;
  readonly value: string;
  readonly replaces: boolean;
}

/**
 * Envoy removes first, then overwrites, then appends, and applies a weight's changes before its route's. So the steps are played
 * here, and what comes out means the same in Envoy's order: a removal drops earlier entries, a `set` replaces them.
 */
function sequence(changes: readonly HeaderChange[]): { add: HeaderValueOption[]; remove: string[] } {
  let entries: readonly Entry[] = [];
  const removed = new Set<string>();
  const without = (name: string) => entries.filter((entry) => entry.name.toLowerCase() !== name.toLowerCase());
  for (const change of changes) {
    for (const [name, value] of change.set) entries = [...without(name), { name, value, replaces: true }];
    for (const [name, value] of change.add) entries = [...entries, { name, value, replaces: false }];
    for (const name of change.remove) {
      entries = without(name);
      removed.add(name);
    }
  }
  return { add: entries.map(headerValue), remove: [...removed] };
}

function headerValue({ name, value, replaces }: Entry): HeaderValueOption {
  return message(HeaderValueOptionSchema, {
    // A `%` begins a command, and `%%` is one percent sign: so policies write it, checked when they are read.
    header: { key: name, value },
    appendAction: replaces
      ? HeaderValueOption_HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD
      : HeaderValueOption_HeaderAppendAction.APPEND_IF_EXISTS_OR_ADD,
    keepEmptyValue: true,
  });
}
