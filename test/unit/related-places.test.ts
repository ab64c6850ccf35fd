import { describe, expect, test } from 'vitest';
import { createTreeCheck } from '../../src/control-plane/check-tree.ts';
import type { Diagnostic } from '../../src/model/diagnostic.ts';
import { settings } from '../support/registry-values.ts';

/** What is found with code `code` in the files of these namespaces (MeshConfig under its own name), workloads known. */
function found(code: string, files: Readonly<Record<string, string>>): readonly Diagnostic[] {
  const check = createTreeCheck({ settings, folders: 'namespace', root: 'policies', joined: () => new Map() });
  const { diagnostics } = check({
    commit: 'x',
    files: Object.entries(files).map(([name, text]) => ({
      path: name === 'meshconfig' ? 'policies/meshconfig.yaml' : `policies/${name}/a.yaml`,
      text,
    })),
    diagnostics: [],
    author: '',
    subject: '',
    time: 0,
  });
  return diagnostics.filter((one) => one.code === code);
}

/** The lines with `# here` and with `# other`, as the finding must have them. */
function marked(files: Readonly<Record<string, string>>, mark: string): readonly string[] {
  return Object.entries(files).flatMap(([name, text]) =>
    text.split('\n').flatMap((line, index) => (line.includes(`# ${mark}`) ? [`${name}:${index + 1}`] : [])),
  );
}

const nameOf = (file: string) => (file.includes('meshconfig') ? 'meshconfig' : (file.split('/')[1] ?? ''));

/** That the one finding of this code stands at `# here`, and names `# other` as related and, if it says a line at all, in its hint. */
function expectPlaces(code: string, files: Readonly<Record<string, string>>): void {
  const findings = found(code, files);
  expect(findings.map(({ at }) => `${nameOf(at.file)}:${at.line}`)).toEqual(marked(files, 'here'));
  const related = findings.flatMap((one) => one.related ?? []);
  expect(related.map(({ file, line }) => `${nameOf(file)}:${line}`)).toEqual(marked(files, 'other'));
  for (const [said] of findings.flatMap(({ hint }) => [...hint.matchAll(/policies\/\S+?:\d+/g)])) {
    expect(related.map(({ file, line }) => `${file}:${line}`)).toContain(said);
  }
}

const rule = (name: string, spec: string) =>
  `apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: { name: ${name} }\nspec:\n  host: reviews\n${spec}---\n`;

describe('what contradicts another line names that line', () => {
  test('WEFT0181: the subset of the same name, wherever it stands in its list', () => {
    const subsets = (...names: string[]) =>
      `  subsets:\n${names.map((name) => `  - name: ${name}\n    labels: { version: v }\n`).join('')}`;
    const first = rule('a', subsets('v1', 'v2 # other'));
    expectPlaces('WEFT0181', { shop: first + rule('b', subsets('v2 # here')) });
    expectPlaces('WEFT0181', { shop: first + rule('b', subsets('v3', 'v4', 'v2 # here')) });
  });

  const virtual = (lines: string, kind = 'VirtualService') =>
    `apiVersion: networking.istio.io/v1\nkind: ${kind}\nmetadata: { name: x }\nspec:\n${lines}---\n`;
  const to = 'route: [{ destination: { host: a } }]';

  test('WEFT0137: two rewrites of the authority', () => {
    const set = (name: string, mark: string) => `      request:\n        set:\n          ${name}: b # ${mark}\n`;
    const rewrite = '    rewrite:\n      authority: a # other\n';
    const rules = (more: string) => ({ shop: virtual(`  hosts: [a]\n  http:\n  - ${to}\n${more}`) });
    expectPlaces('WEFT0137', rules(`${rewrite}    headers:\n${set('Host', 'here')}`));
    expectPlaces(
      'WEFT0137',
      rules(`    headers:\n${set('host', 'other')}        add:\n          ":authority": c # here\n`),
    );
    const routes = (first: string, second: string) =>
      `  hosts: [a]\n  http:\n  - route:\n    - destination: { host: a }\n      headers:\n${second.replace(/^/gm, '  ').trimEnd()}\n${first}`;
    expectPlaces('WEFT0137', { shop: virtual(routes(rewrite, set('host', 'here'))) });
    expectPlaces('WEFT0137', { shop: virtual(routes(`    headers:\n${set('host', 'other')}`, set('host', 'here'))) });
  });

  test('WEFT0137: what stands alone, and the others', () => {
    const list = (field: string) => `  ${field}:\n  - "*" # here\n  - bank # other\n`;
    expectPlaces('WEFT0137', { shop: rule('a', list('exportTo')) });
    expectPlaces('WEFT0137', { shop: rule('a', '  exportTo:\n  - bank # other\n  - "*" # here\n') });
    expectPlaces('WEFT0137', { meshconfig: 'defaultServiceExportTo:\n- bank # other\n- "~" # here\n' });
  });

  test('WEFT0002: hosts of which one covers another', () => {
    const hosts = '  hosts:\n  - "*.example.com" # other\n  - a.example.com # here\n';
    expectPlaces('WEFT0002', { shop: virtual(`${hosts}  http:\n  - ${to}\n`) });
  });

  test('WEFT0132: a field, and the one that decides', () => {
    const policy = (lines: string) => ({ shop: rule('a', `  trafficPolicy:\n${lines}`) });
    const port = (mark: string) => `    - port: { number: 80 } # ${mark}\n      loadBalancer: { simple: RANDOM }\n`;
    const service = `apiVersion: v1\nkind: Service\nmetadata: { name: reviews }\nspec: { ports: [{ name: http, port: 80 }] }\n---\n`;
    const ports = policy(`    portLevelSettings:\n${port('other')}${port('here')}`);
    expectPlaces('WEFT0132', { shop: service + ports.shop });
    expectPlaces(
      'WEFT0132',
      policy('    outlierDetection:\n      consecutiveErrors: 3 # here\n      consecutiveGatewayErrors: 2 # other\n'),
    );
    expectPlaces(
      'WEFT0132',
      policy('    loadBalancer:\n      warmupDurationSecs: 3s # here\n      warmup: # other\n        duration: 1s\n'),
    );
    expectPlaces(
      'WEFT0132',
      policy(
        '    retryBudget: # other\n      percent: 5\n    connectionPool:\n      http:\n        maxRetries: 2 # here\n',
      ),
    );
    const rules = (more: string) => ({ shop: virtual(`  hosts: [a]\n  http:\n  - ${to}\n${more}`) });
    expectPlaces(
      'WEFT0132',
      rules('    mirror: { host: b }\n    mirrorPercent: 1 # here\n    mirrorPercentage: # other\n      value: 1\n'),
    );
    expectPlaces(
      'WEFT0132',
      rules(
        '    fault:\n      delay:\n        fixedDelay: 1s\n        percent: 5 # here\n        percentage: # other\n          value: 1\n',
      ),
    );
    expectPlaces(
      'WEFT0132',
      rules('    corsPolicy:\n      allowOrigin: [a] # here\n      allowOrigins: # other\n      - exact: a\n'),
    );
  });

  const entry = (mark: string) =>
    `apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: { name: api } # ${mark}\nspec:\n  hosts: [api.example.com]\n  resolution: DNS\n  ports: [{ number: 80, name: http, protocol: HTTP }]\n`;
  test('WEFT0185: the entries of the namespaces', () => {
    expectPlaces('WEFT0185', {
      one: entry('other'),
      two: entry('other'),
      'istio-system': virtual('  egress:\n  - hosts:\n    - "*/api.example.com" # here\n', 'Sidecar'),
    });
  });

  test('WEFT0140: the services behind one TCP listener', () => {
    const service = (name: string) =>
      `apiVersion: v1\nkind: Service\nmetadata:\n  name: ${name} # other\nspec: { ports: [{ name: tcp, port: 90 }] }\n---\n`;
    const sidecar = virtual(
      '  egress:\n  - hosts: ["./*"]\n    port: { number: 90, protocol: TCP, name: x } # here\n',
      'Sidecar',
    );
    expectPlaces('WEFT0140', { shop: service('a') + service('b') + sidecar });
  });

  const security = (kind: string, name: string, lines: string) =>
    `apiVersion: security.istio.io/v1\nkind: ${kind}\nmetadata:\n  name: ${name}\n${lines}---\n`;
  test('WEFT0182: with and without a selector, hint and related place are one line', () => {
    const whole = (name: string, mark = '') =>
      security('PeerAuthentication', name, `spec: ${mark}\n  mtls: { mode: STRICT }\n`);
    expectPlaces('WEFT0182', { shop: whole('a', '# other') + whole('b', '# here') });
    const chosen = (name: string, mark: string) =>
      security(
        'PeerAuthentication',
        name,
        `spec:\n  selector: # ${mark}\n    matchLabels: { app: a }\n  mtls: { mode: STRICT }\n`,
      );
    expectPlaces('WEFT0182', { shop: chosen('a', 'other') + chosen('b', 'here') });
  });

  test('WEFT0154: who lets the workload accept plaintext', () => {
    const workload = `apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: { name: a-1 }\nspec: { address: 10.0.0.1, labels: { app: a }, serviceAccount: a }\n---\n`;
    const peer = security('PeerAuthentication', 'a', 'spec:\n  mtls:\n    mode: PERMISSIVE # other\n');
    const policy = security(
      'AuthorizationPolicy',
      'a',
      'spec:\n  rules:\n  - from:\n    - source: # here\n        namespaces: [bank]\n',
    );
    expectPlaces('WEFT0154', { shop: workload + peer + policy });
    // The server name of TLS is as absent there as an identity (P43).
    const named = "spec:\n  rules:\n  - when:\n    - key: connection.sni # here\n      values: ['*.bank.test']\n";
    expectPlaces('WEFT0154', { shop: workload + peer + security('AuthorizationPolicy', 'a', named) });
  });
});
