import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bySpecificity,
  canonicalHost,
  hostCovers,
  isVisible,
  resolveHost,
  serviceHost,
} from '../../src/policy/hosts.ts';

describe('hosts (P1 to P6)', () => {
  it.each([
    ['reviews', 'shop', 'mesh.example', 'reviews.shop.svc.mesh.example'],
    ['Reviews', 'shop', 'mesh.example', 'reviews.shop.svc.mesh.example'],
    ['reviews.', 'shop', 'mesh.example', 'reviews.shop.svc.mesh.example'],
    ['reviews.bank', 'shop', 'mesh.example', 'reviews.bank'],
    ['reviews.bank.svc.cluster.local.', 'shop', 'mesh.example', 'reviews.bank.svc.mesh.example'],
    ['*.bank.svc.cluster.local', 'shop', 'mesh.example', '*.bank.svc.mesh.example'],
    ['reviews.bank.mesh', 'shop', 'mesh.example', 'reviews.bank.svc.mesh.example'],
    ['a.b.c.mesh', 'shop', 'mesh.example', 'a.b.c.mesh'],
    ['*', 'shop', 'mesh.example', '*'],
    ['10.0.0.1', 'shop', 'mesh.example', '10.0.0.1'],
    ['::1', 'shop', 'mesh.example', '::1'],
    ['bank/reviews', 'shop', 'mesh.example', 'bank/reviews'],
    ['api.Example.COM', 'shop', 'mesh.example', 'api.example.com'],
  ])('%s in %s (%s) is %s', (host, namespace, suffix, expected) => {
    expect(resolveHost(host, namespace, suffix)).toBe(expected);
  });

  it('any casing, with or without a last dot, is one name; and a full name stays (P3)', () => {
    const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,10}$/);
    fc.assert(
      fc.property(name, name, fc.boolean(), fc.boolean(), (service, namespace, upper, dot) => {
        const full = serviceHost(service, namespace, 'cluster.local');
        const written = `${upper ? full.toUpperCase() : full}${dot ? '.' : ''}`;
        expect(resolveHost(written, 'other', 'cluster.local')).toBe(full);
        expect(resolveHost(service, namespace, 'cluster.local')).toBe(full);
        expect(canonicalHost(full, 'cluster.local')).toBe(full);
      }),
    );
  });

  it('wildcards cover names below them, the more specific first (P5)', () => {
    expect(hostCovers('*.example', 'a.example')).toBe(true);
    expect(hostCovers('*.example', 'a.b.example')).toBe(true);
    expect(hostCovers('*.example', 'example')).toBe(false);
    expect(hostCovers('*.example', 'aexample')).toBe(false);
    expect(hostCovers('a.example', '*.example')).toBe(false);
    expect(['*', '*.b', 'x.a.b', '*.a.b'].sort(bySpecificity)).toEqual(['x.a.b', '*.a.b', '*.b', '*']);
  });

  it('exportTo (P6)', () => {
    expect(isVisible([], 'a', 'b')).toBe(true);
    expect(isVisible(['.'], 'a', 'a')).toBe(true);
    expect(isVisible(['.'], 'a', 'b')).toBe(false);
    expect(isVisible(['b'], 'a', 'b')).toBe(true);
    expect(isVisible(['~'], 'a', 'a')).toBe(false);
  });
});
