import { expect, test } from 'vitest';
import { marks } from '../../src/cli/marks.ts';
import { tlsLines } from '../../src/cli/render/edges.ts';
import type { EdgeRow } from '../../src/model/traffic.ts';

const row = (to: string, protocol: EdgeRow['protocol'], name: string): EdgeRow => ({
  from: 'frontend',
  to,
  protocol,
  requests: 10,
  rps: 1,
  success: 0,
  split: [],
  flags: [],
  codes: [],
  reporter: 'source',
  tlsFailures: [{ name, count: 7 }],
});
const said = (...rows: readonly EdgeRow[]) => tlsLines(rows, marks({ LANG: 'C.UTF-8' }));

test('why there was no TLS is told once for each pair, whatever ports it has', () => {
  const lines = said(row('reviews', 'http', 'names'), row('reviews', 'tcp', 'names'));
  expect(lines).toHaveLength(2);
  expect(lines[0]).toContain('frontend refused the TLS of reviews 7 times: its certificate has none of the names');
  expect(said(row('reviews', 'http', 'names'), row('reviews', 'tcp', 'issuer'))).toHaveLength(4);
});

test('of a service of the mesh: accounts and certificates; of a host: its tls block', () => {
  expect(said(row('reviews', 'http', 'names'))[1]).toMatch(/^ {4}fix {4}does each endpoint run under the account/);
  expect(said(row('reviews', 'http', 'issuer'))[1]).toContain('weft cert list');
  expect(said(row('keys.example', 'http', 'names'))[1]).toMatch(/^ {4}fix {4}tls\.subjectAltNames/);
  expect(said(row('keys.example', 'http', 'other'))).toEqual([]);
});
