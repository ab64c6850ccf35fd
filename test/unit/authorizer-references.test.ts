import { describe, expect, it } from 'vitest';
import { check, security, service, workload, workloads } from '../support/reference-check.ts';

/* Authorizers of `extensionProviders`, and the CUSTOM policies that ask them (P39): what is said where nobody could be asked. */

const http = (name: string, of: string, port = 80) =>
  `- { name: ${name}, envoyExtAuthzHttp: { service: ${of}, port: ${port} } }\n`;
const grpc = (name: string, of: string, port = 80) =>
  `- { name: ${name}, envoyExtAuthzGrpc: { service: ${of}, port: ${port} } }\n`;
const host = 'judge.shop.svc.cluster.local';
const judge = service('judge', '{ name: http, port: 80 }, { name: grpc, port: 90 }');
const reviews = service('reviews', '{ name: http, port: 9080 }, { name: tcp, port: 9025 }');
const ask = (name: string, provider: string, more = '  rules: [{}]\n') =>
  security('AuthorizationPolicy', name, `  action: CUSTOM\n  provider: { name: ${provider} }\n${more}`);

const everybody = [
  ...workloads,
  workload('judge', { app: 'judge' }, { ports: [80, 90].map((port) => ({ port, endpointPort: port })) }),
];
const told = (text: string, providers: string, known: Parameters<typeof check>[1] = everybody) =>
  check(text, known, `extensionProviders:\n${providers}`).found.map(
    ({ code, severity, field, message, hint }) => `${severity} ${code} ${field}: ${message} (${hint})`,
  );

describe('an authorizer', () => {
  it.each([host, `shop/${host}`])('is a service, with such a port: %s', (name) => {
    expect(told(judge, http('a', name) + grpc('b', name, 90))).toEqual([]);
  });

  it('that is no service is a warning, by its own field: what would be asked about is refused', () => {
    expect(told(judge, http('a', host) + grpc('b', 'jugde.shop.svc.cluster.local'))).toEqual([
      expect.stringMatching(
        /^warning WEFT0101 extensionProviders\[1\]\.envoyExtAuthzGrpc\.service: no service "jugde\.shop\.svc\.cluster\.local": what would be asked about is refused \(.*judge/,
      ),
    ]);
  });

  it('is looked for in the namespace that stands before the slash, and in the root namespace without one', () => {
    const codes = (name: string) => told(judge, http('a', name)).map((line) => line.slice(0, 16));
    expect(codes('bank/judge.shop.svc.cluster.local')).toEqual(['warning WEFT0101']);
    expect(codes('judge')).toEqual(['warning WEFT0101']);
    expect(codes(host)).toEqual([]);
    expect(codes('judge.shop')).toEqual(['error WEFT0102 e']);
  });

  it('without such a port is a warning with the ports that there are', () => {
    expect(told(judge, http('a', host, 81))).toEqual([
      'warning WEFT0113 extensionProviders[0].envoyExtAuthzHttp.port: judge.shop.svc.cluster.local has no port 81: what would be asked about is refused (ports: 80, 90)',
    ]);
  });

  it('is not missed where nobody knows the workloads', () => {
    expect(check(judge, 'no registry', `extensionProviders:\n${http('a', host)}`).found).toEqual([]);
  });
});

describe('a CUSTOM policy', () => {
  const providers = http('judge', host) + grpc('typed', host, 90);
  const of = (lines: readonly string[], code: string) => lines.filter((line) => line.includes(code));

  it.each([
    ['jugde', providers, 'did you mean "judge"?'],
    ['entirely-else', providers, 'providers: judge, typed'],
  ])('that asks nobody known is an error: %s', (name, all, hint) => {
    expect(of(told(judge + reviews + ask('a', name), all), 'WEFT0101')).toEqual([
      `error WEFT0101 spec.provider.name: no extension provider "${name}" that can be asked (${hint})`,
    ]);
  });

  it('is told where providers are written when there is none', () => {
    const { found } = check(reviews + ask('a', 'judge'));
    expect(found.find(({ code }) => code === 'WEFT0101')?.hint).toBe('add it to extensionProviders of meshconfig.yaml');
  });

  it('asks one provider for each workload: two are an error where they meet, with the place of the other', () => {
    const selecting = (app: string) => `  selector: { matchLabels: { app: ${app} } }\n  rules: [{}]\n`;
    const both = (one: string, other: string) =>
      of(told(judge + ask('a', 'judge', one) + ask('b', 'typed', other), providers), 'WEFT0160');
    expect(both(selecting('reviews'), selecting('frontend'))).toEqual([]);
    expect(both(selecting('reviews'), '  rules: [{}]\n')).toEqual([
      expect.stringMatching(
        /^error WEFT0160 spec\.provider\.name: several CUSTOM providers act on reviews\.shop: judge, typed \(keep one; other: policies\/shop\/a\.yaml:\d+\)$/,
      ),
    ]);
    expect(of(told(judge + ask('a', 'judge') + ask('b', 'judge'), providers), 'WEFT0160')).toEqual([]);
  });

  it('asks who speaks HTTP about no connection of bytes: an error (WEFT0153); who speaks gRPC may be asked', () => {
    const rule = (ports: string) => `  rules: [{ to: [{ operation: { ports: [${ports}] } }] }]\n`;
    const codes = (provider: string, more: string) =>
      of(told(judge + reviews + ask('a', provider, more), providers), 'WEFT0153');
    expect(codes('judge', rule('"9080"'))).toEqual([]);
    expect(codes('judge', rule('"9025"'))).toEqual([
      'error WEFT0153 spec.rules[0]: provider judge speaks HTTP, and port 9025 is TCP: nobody can be asked there (name the HTTP ports, or a provider that speaks gRPC)',
    ]);
    expect(codes('judge', '  rules: [{}]\n')).toHaveLength(1);
    expect(codes('typed', rule('"9025"'))).toEqual([]);
    // Beside whom no workload has that port there is nothing to ask about.
    const idle = told(judge + reviews + ask('a', 'judge', rule('"9025"')), providers, [
      workload('batch', { app: 'batch' }),
    ]);
    expect(of(idle, 'WEFT0153')).toEqual([]);
  });
});
