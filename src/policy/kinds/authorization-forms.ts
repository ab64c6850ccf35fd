import { METHODS } from 'node:http';
import { nearestName } from '../../model/nearest-name.ts';
import type { LowerContext } from '../kind-definition.ts';
import { templateProblem } from './authorization-values.ts';
import { beside } from './common.ts';

/** Why no request has a value, or not the one that was meant, and what to write. */
interface Problem {
  readonly why: string;
  readonly hint: string;
}

type Values = readonly string[] | undefined;
type Written<Name extends string> = { readonly [Field in Name | `not${Capitalize<Name>}`]?: Values };

const inOperations = ['hosts', 'methods', 'paths', 'ports'] as const;
const inSources = [
  'principals',
  'namespaces',
  'serviceAccounts',
  'trustDomains',
  'ipBlocks',
  'remoteIpBlocks',
  'requestPrincipals',
] as const;

/** WEFT0165 of one operation: values that no request has (P42), and fields that exclude all that they ask for (P41). */
export function checkOperation(
  operation: Written<(typeof inOperations)[number]>,
  path: string,
  context: LowerContext,
): void {
  for (const side of ['methods', 'notMethods'] as const)
    checkEach(operation[side], `${path}.${side}`, methodProblem, context);
  for (const side of ['paths', 'notPaths'] as const)
    checkEach(operation[side], `${path}.${side}`, pathProblem, context);
  for (const side of ['hosts', 'notHosts'] as const)
    checkEach(operation[side], `${path}.${side}`, hostProblem, context);
  for (const name of inOperations) checkRest(operation, name, path, context);
}

/** WEFT0165 of one source. */
export function checkSource(source: Written<(typeof inSources)[number]>, path: string, context: LowerContext): void {
  for (const name of inSources) checkRest(source, name, path, context);
}

/** WEFT0165 of one entry of `when[]`. */
export function checkWhen(
  condition: { readonly values?: Values; readonly notValues?: Values },
  path: string,
  context: LowerContext,
): void {
  checkRest(condition, 'values', path, context);
}

function checkEach(
  values: Values,
  field: string,
  problemOf: (value: string) => Problem | undefined,
  context: LowerContext,
): void {
  (values ?? []).forEach((value, index) => {
    const problem = problemOf(value);
    if (problem === undefined) return;
    context.report(
      'WEFT0165',
      `${field}[${index}]`,
      `no request has ${JSON.stringify(value)}: ${problem.why}`,
      problem.hint,
    );
  });
}

/** P41: what is asked for AND NOT what is excluded. */
function checkRest<Name extends string>(written: Written<Name>, name: Name, path: string, context: LowerContext): void {
  const other = `not${capitalized(name)}` as const;
  const [asked, excluded]: readonly Values[] = [written[name], written[other]];
  if (!asked || !excluded || asked.length === 0) return;
  const same = name === 'hosts' ? (value: string) => value.toLowerCase() : (value: string) => value;
  if (!asked.every((value) => excluded.some((wide) => covers(same(wide), same(value))))) return;
  const message = `holds for nothing: ${other} excludes all of it`;
  context.report('WEFT0165', `${path}.${name}`, message, 'correct one of the two', beside(context, path, other));
}

function capitalized<Name extends string>(name: Name): Capitalize<Name> {
  // The first letter of a field's name becomes a capital: that is the type.
  return `${name.slice(0, 1).toUpperCase()}${name.slice(1)}` as Capitalize<Name>;
}

/** Whether one of the forms of P42 holds wherever another does. */
function covers(wide: string, narrow: string): boolean {
  if (wide === narrow || wide === '*') return true;
  if (wide.startsWith('*')) return !narrow.endsWith('*') && narrow.endsWith(wide.slice(1));
  return wide.endsWith('*') && !narrow.startsWith('*') && narrow.startsWith(wide.slice(0, -1));
}

/** Those that everybody uses: what is no other method of HTTP either, and one letter from one of them, is misspelt. */
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE'];

function methodProblem(value: string): Problem | undefined {
  const upper = value.toUpperCase();
  const meant = methods.some((method) => covers(upper, method));
  if (upper !== value) {
    return meant ? { why: 'methods are compared by case', hint: `write ${JSON.stringify(upper)}` } : undefined;
  }
  const near = meant || value.includes('*') || METHODS.includes(value) ? undefined : nearestName(value, methods, 1);
  return near === undefined
    ? undefined
    : { why: 'it is no method of HTTP', hint: `did you mean ${JSON.stringify(near)}?` };
}

function pathProblem(value: string): Problem | undefined {
  if (templateProblem(value) !== undefined) return undefined;
  const [path = ''] = value.split(/[?#]/);
  if (path !== value) return { why: 'paths are compared without their query', hint: `write ${JSON.stringify(path)}` };
  if (!/^[/*]/.test(value)) return { why: 'paths begin with "/"', hint: `write ${JSON.stringify(`/${value}`)}` };
  return /[{}]/.test(value) ? undefined : starProblem(value, 'paths');
}

function hostProblem(value: string): Problem | undefined {
  const host = value.replace(/^[a-z]+:\/\//i, '').replace(/\/.*$/, '');
  if (host !== value) return { why: 'a host has no scheme and no path', hint: `write ${JSON.stringify(host)}` };
  return starProblem(value, 'hosts');
}

/** P42: a star acts at one end; elsewhere it is a letter, of which nobody thinks. */
function starProblem(value: string, what: string): Problem | undefined {
  const inside = value.startsWith('*') ? value.slice(1) : value.endsWith('*') ? value.slice(0, -1) : value;
  if (!inside.includes('*')) return undefined;
  const hint = `list the ${what}, or what they all begin or end with, with one star there`;
  return { why: 'a star stands for others at one end only, elsewhere it is a letter', hint };
}
