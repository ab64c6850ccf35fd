import type { World } from '../property/authorization-world.ts';

export const modes = ['DECODE_AND_MERGE_SLASHES', 'MERGE_SLASHES', 'BASE', 'NONE'] as const;
export const world = (normalization: World['normalization'], action: string, rule: object): World => ({
  protocol: 'http',
  port: 80,
  mode: 'PERMISSIVE',
  normalization,
  tokens: [],
  policies: [{ action, dryRun: false, namespace: 'shop', rules: [rule] }],
});
const to = (operation: object) => ({ to: [{ operation }] });

/** A request line's target, and headers as they go over the wire. */
export interface Shape {
  readonly target: string;
  readonly headers: readonly string[];
}
const path = (target: string): Shape => ({ target, headers: ['host: reviews'] });

const ways = [
  '/',
  '//',
  '/./',
  '/x/../',
  '/%2e/',
  '/x/%2e%2e/',
  '/x\\..\\',
  '/%2f',
  '/x/..%2F',
  '/x%5c..%5C',
  '/x/..;/',
  '/x/..;x=y/',
];
const words = ['admin', '%61dmin', 'a%64mi%6E'];
const ends = ['', '/', '/users', '%2Fusers', '?q=1', ';x=y', ';x=y/users'];
const forbiddenPaths = ways.flatMap((way) => words.flatMap((word) => ends.map((end) => path(`${way}${word}${end}`))));

const outs = [
  '/../',
  '/%2e%2e/',
  '/..%2f',
  '%2f..%2F',
  '/..\\',
  '/..;/',
  '/..;x=y/',
  '%5C..%5c',
  '/x/../../',
  '/./../',
  '/%2E./',
];
const leftPaths = outs.map((out) => path(`/public${out}secret`));

const authorities = ['admin.example', 'ADMIN.example', 'Admin.Example'].flatMap((name) =>
  ['', ':80', ':9080', ':', '.', '.:80'].map((end) => `${name}${end}`),
);
const hosts = authorities.flatMap((authority): readonly Shape[] => [
  { target: '/', headers: [`host: ${authority}`] },
  { target: `http://${authority}/`, headers: ['host: reviews'] },
]);
const role = (condition: object) => ({ when: [{ key: 'request.headers[x-role]', ...condition }] });
const roles: readonly Shape[] = [
  ['x-role: admin'],
  ['X-Role: admin'],
  ['X-ROLE:admin'],
  ['x-role:   admin  '],
  ['x-role: \tadmin\t'],
  ['x-role:  \t admin'],
  ['x-role: admin \t'],
  ['x-role: user ', 'x-role: admin '],
  ['x-role: user', 'x-role: admin'],
  ['x-role: admin', 'x-role: user'],
  ['x-role: admin', 'X-Role: admin'],
  ['x-role: ', 'x-role: admin'],
  ['x-role: \xff', 'x-role: admin'],
  ['x-role: user', 'x-other: y', 'x-role: admin'],
  ['x-role:', ' admin'],
].map((headers) => ({ target: '/', headers: ['host: reviews', ...headers] }));

export const innocent = ['/books', '/adm', '/x/admin', '/ADMIN', '/public', '/%2561dmin'].map(path);

/**
 * What is another path, or another header, in every mode, so that an exact rule does not speak of it: an application that drops path
 * parameters or takes `_` for `-` reads it as the other (R18, P47).
 */
export const leftOpen = [
  {
    name: 'path parameters',
    shapes: ['/admin;x=y', '/admin;', '/admin;a=b;c=d', '/;x=y/admin'].map(path),
    rule: to({ paths: ['/admin'] }),
  },
  {
    name: 'underscores',
    shapes: [{ target: '/', headers: ['host: reviews', 'x_role: admin'] }],
    rule: role({ values: ['admin'] }),
  },
] as const;
export const cases = [
  { name: 'DENY path', shapes: forbiddenPaths, action: 'DENY', rule: to({ paths: ['/admin*'] }) },
  { name: 'ALLOW path', shapes: leftPaths, action: 'ALLOW', rule: to({ paths: ['/public*'] }) },
  { name: 'DENY host', shapes: hosts, action: 'DENY', rule: to({ hosts: ['admin.example'] }) },
  { name: 'DENY header', shapes: roles, action: 'DENY', rule: role({ values: ['admin'] }) },
  { name: 'DENY header prefix', shapes: roles, action: 'DENY', rule: role({ values: ['adm*'] }) },
  { name: 'DENY header suffix', shapes: roles, action: 'DENY', rule: role({ values: ['*min'] }) },
  { name: 'ALLOW header', shapes: roles, action: 'ALLOW', rule: role({ notValues: ['admin'] }) },
] as const;
