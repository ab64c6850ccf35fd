import { describe, expect, it } from 'vitest';
import { parsePolicies } from '../../src/policy/parse-policies.ts';
import { check, meta, security, service, workload, workloads } from '../support/reference-check.ts';

/* Authorizers that let in when they fail (WEFT0169), or that a workload's Sidecar does not import (WEFT0114). */

const host = 'judge.shop.svc.cluster.local';
const judge = service('judge', '{ name: http, port: 80 }');
const everybody = [...workloads, workload('judge', { app: 'judge' }, { ports: [{ port: 80, endpointPort: 80 }] })];
const provider = (more = '') =>
  `extensionProviders:\n- { name: judge, envoyExtAuthzHttp: { service: ${host}, port: 80${more} } }\n`;
const ask = security('AuthorizationPolicy', 'asked', '  action: CUSTOM\n  provider: { name: judge }\n  rules: [{}]\n');
const told = (text: string, code: string, mesh = provider()) =>
  check(text, everybody, mesh)
    .found.filter((one) => one.code === code)
    .map(({ severity, field, message, hint }) => `${severity} ${field}: ${message} (${hint})`);

describe('WEFT0169', () => {
  const said = (more: string) =>
    parsePolicies([{ path: 'policies/meshconfig.yaml', text: provider(more) }], {
      commit: 'x',
      rootNamespace: 'istio-system',
      folders: 'free',
    }).diagnostics.map(({ code, severity, field, message }) => `${severity} ${code} ${field}: ${message}`);

  it('is said of an authorizer that lets in while it is away, and of no other', () => {
    expect(said(', failOpen: true')).toEqual([
      `warning WEFT0169 extensionProviders[0].envoyExtAuthzHttp.failOpen: requests pass unasked while ${host} does not answer`,
    ]);
    expect(said(', failOpen: false')).toEqual([]);
    expect(said('')).toEqual([]);
  });
});

describe('WEFT0114 of an authorizer', () => {
  const sidecar = (hosts: string) =>
    `apiVersion: networking.istio.io/v1\nkind: Sidecar\n${meta('imports')}\nspec: { egress: [{ hosts: [${hosts}] }] }\n---\n`;

  it('is a warning where no workload behind a Sidecar could ask', () => {
    const [line, ...more] = told(judge + ask + sidecar('"./other.example"'), 'WEFT0114');
    expect(line).toMatch(
      /^warning spec\.provider\.name: judge\.shop\.svc\.cluster\.local is not imported by the Sidecar of \S+: what would be asked about is refused \(add "\.\/judge\.shop\.svc\.cluster\.local" at \S+:\d+\)$/,
    );
    expect(more).toEqual([]);
  });

  it.each([['"./*"'], [`"./${host}"`], ['"*/*"']])('is not said where it is imported: %s', (hosts) => {
    expect(told(judge + ask + sidecar(hosts), 'WEFT0114')).toEqual([]);
  });

  it('is not said where nothing limits what is imported, or nobody asks', () => {
    expect(told(judge + ask, 'WEFT0114')).toEqual([]);
    expect(told(judge + sidecar('"./other.example"'), 'WEFT0114')).toEqual([]);
  });
});
