import { expect } from 'vitest';
import type { MeshConfigSpec } from '../../src/model/mesh-config.ts';
import { meshConfigOf } from '../../src/model/mesh-config.ts';
import { type ParseOptions, parsePolicies } from '../../src/policy/parse-policies.ts';

export const objects = `apiVersion: v1
kind: Service
metadata: { name: reviews }
spec: { ports: [{ name: http, port: 80 }] }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: outside }
spec: { hosts: [a.example], ports: [{ name: http, number: 80, protocol: HTTP }], resolution: DNS }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews }
spec: { hosts: [reviews], http: [{ route: [{ destination: { host: reviews } }] }] }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: reviews }
spec: { host: reviews }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: own }
spec: { host: ratings, exportTo: [bank] }
`;

export function parse(meshConfig: string, more: Partial<ParseOptions> = {}, path = 'policies/meshconfig.yaml') {
  const files = [
    { path, text: meshConfig },
    { path: 'policies/shop/a.yaml', text: objects },
  ];
  return parsePolicies(files, { commit: 'c1', rootNamespace: 'istio-system', folders: 'namespace', ...more });
}

export function findings(meshConfig: string, more: Partial<ParseOptions> = {}) {
  return parse(meshConfig, more).diagnostics.map(({ code, field = '', message, hint, at }) => [
    `${code} ${at.line}:${at.column} ${field}`,
    message,
    hint,
  ]);
}

export function spec(meshConfig: string): MeshConfigSpec | undefined {
  const { diagnostics, objects: read } = parse(meshConfig);
  expect(diagnostics).toEqual([]);
  return meshConfigOf({ objects: read })?.spec;
}
