import { METHODS } from 'node:http';
import type { LowerContext } from '../kind-definition.ts';
import type { Infer } from '../shape.ts';
import type { httpMatch } from './http-shape.ts';

type Written = Infer<typeof httpMatch>;

/** How a text is compared. */
type Form = 'exact' | 'prefix' | 'regex';

/** Why no request has a value, and what to write. */
interface Problem {
  readonly why: string;
  readonly hint: string;
}

const problems: Readonly<Record<'uri' | 'method' | 'scheme' | 'authority', typeof uriProblem>> = {
  uri: uriProblem,
  method: methodProblem,
  scheme: schemeProblem,
  authority: authorityProblem,
};

/** WEFT0165 of one match: values that no request has (P12). The rule then takes nothing, and what is below it takes its requests. */
export function checkForms(match: Written, path: string, context: LowerContext): void {
  for (const name of ['uri', 'method', 'scheme', 'authority'] as const) {
    for (const form of ['exact', 'prefix', 'regex'] as const) {
      const value = match[name]?.[form];
      const problem = value === undefined || value === '' ? undefined : problems[name](value, form);
      if (value === undefined || problem === undefined) continue;
      const begins = form === 'prefix' ? ' at its beginning' : '';
      const message =
        form === 'regex'
          ? `no request is matched by ${JSON.stringify(value)}: ${problem.why}`
          : `no request has ${JSON.stringify(value)}${begins}: ${problem.why}`;
      context.report('WEFT0165', `${path}.${name}.${form}`, message, problem.hint);
    }
  }
}

function uriProblem(value: string, form: Form): Problem | undefined {
  if (form === 'regex') return expressionProblem(value);
  const [path = ''] = value.split(/[?#]/);
  if (path !== value && path !== '') {
    return { why: 'paths are compared without their query', hint: `write ${write(path)}, and the rest as queryParams` };
  }
  const isAsterisk = value === '*' && form === 'exact';
  if (value.startsWith('/') || isAsterisk) return undefined;
  const bare = value.replace(/^[a-z]+:\/\/[^/]*/i, '');
  const hint = bare === '*' ? 'write prefix: "/" for every path' : `write ${write(`/${bare.replace(/^\//, '')}`)}`;
  return { why: 'paths begin with "/"', hint };
}

/** The whole path must match, so what begins with a letter that has to be there matches none. */
function expressionProblem(value: string): Problem | undefined {
  if (value.includes('|')) return undefined;
  const [, start = '', letter = '', next = ''] = /^(\^?)([A-Za-z0-9_~%-])(.?)/.exec(value) ?? [];
  if (letter === '' || '*?{'.includes(next === '' ? '.' : next)) return undefined;
  return {
    why: 'the whole path is matched, and paths begin with "/"',
    hint: `write ${write(`${start}/${value.slice(start.length)}`)}, or ${write(`.*${value.slice(start.length)}`)} for anywhere`,
  };
}

function methodProblem(value: string, form: Form): Problem | undefined {
  const upper = value.toUpperCase();
  if (form === 'regex' || upper === value) return undefined;
  const isKnown = METHODS.some((method) => (form === 'exact' ? method === upper : method.startsWith(upper)));
  return isKnown ? { why: 'methods are compared by case', hint: `write ${write(upper)}` } : undefined;
}

function schemeProblem(value: string, form: Form): Problem | undefined {
  const lower = value.toLowerCase();
  if (form === 'regex') return undefined;
  const bare = lower.replace(/:.*$/, '');
  if (bare !== lower) return { why: 'a scheme has no ":"', hint: `write ${write(bare)}` };
  return lower === value ? undefined : { why: 'schemes are in small letters', hint: `write ${write(lower)}` };
}

function authorityProblem(value: string, form: Form): Problem | undefined {
  if (form === 'regex') return undefined;
  const host = value.replace(/^[a-z]+:\/\//i, '').replace(/\/.*$/, '');
  return host === value ? undefined : { why: 'it has no scheme and no path', hint: `write ${write(host)}` };
}

function write(value: string): string {
  return JSON.stringify(value);
}
