import { afterAll, expect, test } from 'vitest';
import { type Application, startApplication } from '../support/application.ts';
import { fetchOnce } from '../support/load.ts';
import type { Member } from '../support/member.ts';
import { exchange, openTcp } from '../support/mesh-client.ts';
import { mutualTlsYaml, serviceYaml, useTestMesh } from '../support/test-mesh.ts';

/*
 * Many rules are a tree (decision 62): they say what few rules say. What it costs is a matter of `npm run bench -- identity`.
 */

const policy = (name: string, spec: string) => `---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: ${name}, namespace: shop }
spec: { selector: { matchLabels: { app: catalog } }, ${spec} }
`;
/** Policies about others. */
const others = (count: number, action = 'ALLOW') =>
  Array.from({ length: count }, (_, index) =>
    policy(
      `p${index}-${action.toLowerCase()}`,
      `action: ${action}, rules: [{ from: [{ source: { principals: [demo.mesh/ns/shop/sa/c${index}] } }], to: [{ operation: { methods: [GET], paths: [/x${index}] } }] }]`,
    ),
  ).join('');
const own = `from: [{ source: { principals: [cluster.local/ns/shop/sa/frontend] } }]`;

let catalog: Application;
let server: Member;
let frontend: Member;
const mesh = useTestMesh(
  () => ({
    policies: { 'mesh.yaml': mutualTlsYaml('PERMISSIVE'), 'catalog.yaml': serviceYaml('catalog') },
  }),
  async (started) => {
    const address = started.nextAddress();
    catalog = await startApplication({ address, port: 9080 }, 'catalog');
    server = await started.join({ service: 'catalog', address, ports: [{ port: 9080 }] });
    frontend = await started.join({ service: 'frontend' });
    await started.synced();
  },
);
afterAll(() => catalog?.close());

/** A hundred objects to a file: more are refused at once. */
const enforce = (text: string) => {
  const objects = text.split(/^(?=---)/m);
  const files = Array.from({ length: 11 }, (_, index) => objects.slice(index * 100, (index + 1) * 100).join(''));
  return mesh().apply(
    Object.fromEntries(files.map((file, index) => [`authz-${index}.yaml`, file === '' ? undefined : file])),
  );
};
const call = (path: string, more: { method?: string; headers?: Record<string, string> } = {}) =>
  fetchOnce({ host: frontend.address, port: mesh().localPort('catalog', 80), path, ...more });
const statuses = async (...paths: readonly string[]) =>
  Promise.all(paths.map(async (path) => (await call(path)).status));
/** Without mesh TLS, so that nobody is told. */
const plaintext = async (path: string) => {
  const socket = await openTcp(server.address, server.inbound(9080));
  const request = `GET ${path} HTTP/1.1\r\nhost: catalog\r\nconnection: close\r\n\r\n`;
  return Number((await exchange(socket, request)).received.slice(9, 12));
};

test('the tree allows what the rules allow, and refuses the rest', async () => {
  await enforce(
    others(70) +
      policy(
        'own',
        `rules: [{ ${own}, to: [{ operation: { methods: [GET], paths: [/books, "/b/*"], notPaths: [/b/secret] } }] }]`,
      ) +
      policy(
        'strangers',
        'rules: [{ from: [{ source: { notPrincipals: ["*/sa/frontend"] } }], to: [{ operation: { paths: [/open] } }] }]',
      ) +
      policy('hosts', `rules: [{ ${own}, to: [{ operation: { hosts: ["*.books.example"] } }] }]`) +
      policy('ends', `rules: [{ to: [{ operation: { paths: ["*.css", "/t/{*}/z"] } }] }]`),
  );
  expect(await statuses('/books', '/books?page=2', '/b/', '/b/1', '/a.css', '/a.css?v=1', '/t/1/z')).toEqual(
    Array(7).fill(200),
  );
  expect(
    await statuses(
      '/books/',
      '/b',
      '/b/secret',
      '/b/secret?x',
      '/x0',
      '/open',
      '/a.css/',
      '/?a.css',
      '/t/1/2/z',
      '/t/?/z',
    ),
  ).toEqual(Array(10).fill(403));
  expect((await call('/books', { method: 'POST' })).status).toBe(403);
  expect((await call('/any', { headers: { host: 'X.Books.example:80' } })).status).toBe(200);
  expect(await plaintext('/open')).toBe(200);
  expect(await plaintext('/books')).toBe(403);
});

test('the tree refuses what the rules refuse, and nothing else', async () => {
  await enforce(
    others(70, 'DENY') +
      policy('own', `action: DENY, rules: [{ ${own}, to: [{ operation: { paths: [/closed, "/c/*"] } }] }]`) +
      policy(
        'nobody',
        'action: DENY, rules: [{ from: [{ source: { notPrincipals: ["*"] } }], to: [{ operation: { paths: [/known] } }] }]',
      ),
  );
  expect(await statuses('/closed', '/closed?a', '/c/1')).toEqual([403, 403, 403]);
  expect(await statuses('/x0', '/open', '/c', '/known')).toEqual([200, 200, 200, 200]);
  expect(await plaintext('/known')).toBe(403);
  expect(await plaintext('/closed')).toBe(200);
});
