import type { Condition } from '../model/ir-inbound.ts';
import type { SeenCall } from '../resolve/holds.ts';
import { splitQuery } from '../resolve/request-path.ts';
import { conditionText } from './describe-words.ts';

/** A condition that a call does not meet, and what the call has instead: `method=GET? it is "POST"`. */
export function failureText(condition: Condition, call: SeenCall): string {
  const values = gotOf(condition, call);
  const text = conditionText(condition);
  if (values === undefined) return `${text}?`;
  if (values.length === 0) return `${text}? there is none`;
  return `${text}? it is ${values.map((value) => JSON.stringify(value)).join(', ')}`;
}

/** Undefined: several things are asked at once. */
function gotOf(condition: Condition, call: SeenCall): readonly string[] | undefined {
  switch (condition.kind) {
    case 'principal':
      return one(call.principal);
    case 'source-address':
      return one(call.sourceAddress);
    case 'remote-address':
      return one(call.remoteAddress);
    case 'destination-address':
      return one(call.destinationAddress);
    case 'server-name':
      return one(call.serverName);
    case 'header':
      return call.headers?.get(condition.name) ?? [];
    case 'host':
      return one(call.authority);
    case 'method':
      return one(call.method);
    case 'path':
      return one(call.path === undefined ? undefined : splitQuery(call.path).path);
    case 'claim': {
      const [first = '', another] = condition.path;
      const value = another === undefined ? call.claims?.[first] : undefined;
      return value === undefined || value === null ? [] : [String(value)];
    }
    case 'any':
    case 'all': {
      const [first, ...others] = condition.of.map((each) => JSON.stringify(gotOf(each, call)));
      const [only] = condition.of;
      return only !== undefined && others.every((each) => each === first) ? gotOf(only, call) : undefined;
    }
    case 'not':
      return gotOf(condition.of, call);
    case 'always':
    case 'never':
      return undefined;
    default:
      return condition satisfies never;
  }
}

function one(value: string | null | undefined): readonly string[] {
  return value === undefined || value === null ? [] : [value];
}
