import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { documentShapes } from '../../src/policy/document-shapes.ts';
import { conditionKeys } from '../../src/policy/kinds/authorization-values.ts';
import { inventoryOf } from '../support/field-inventory.ts';

/*
 * Every field that acts stands in the input of some golden case, so that what it becomes was seen, and accepted by a real Envoy.
 */

/** Fields that no golden case can show, and why. */
const elsewhere: Readonly<Record<string, string>> = {
  'MeshConfig defaultConfig': 'every field of it is refused by name',
  'MeshConfig proxyListenPort': 'only the value that holds anyway is accepted',
  'Sidecar inboundConnectionPool.http.h2UpgradePolicy': 'no effect towards a program, WEFT0132 says so',
  'Sidecar inboundConnectionPool.http.useClientProtocol': 'no effect towards a program, WEFT0132 says so',
  'Sidecar ingress[].connectionPool.http.h2UpgradePolicy': 'no effect towards a program, WEFT0132 says so',
  'Sidecar ingress[].connectionPool.http.useClientProtocol': 'no effect towards a program, WEFT0132 says so',
  'WorkloadGroup template.address': 'no effect, WEFT0132 says so',
};

/** Words that no golden case has, by the reason. */
const wordsElsewhere: Readonly<Record<string, readonly string[]>> = {
  'says what holds without it': [
    'AuthorizationPolicy action=ALLOW',
    'DestinationRule trafficPolicy.connectionPool.http.h2UpgradePolicy=DEFAULT',
    'DestinationRule trafficPolicy.loadBalancer.simple=UNSPECIFIED',
    'MeshConfig accessLogEncoding=TEXT',
    'MeshConfig defaultTrafficPolicy.connectionPool.http.h2UpgradePolicy=DEFAULT',
    'MeshConfig defaultTrafficPolicy.connectionPool.http.h2UpgradePolicy=DO_NOT_UPGRADE',
    'MeshConfig h2UpgradePolicy=DO_NOT_UPGRADE',
    'MeshConfig meshMTLS.minProtocolVersion=TLSV1_3',
    'MeshConfig meshMTLS.minProtocolVersion=TLS_AUTO',
    'MeshConfig outboundTrafficPolicy.mode=ALLOW_ANY_DYNAMIC_DNS',
    'MeshConfig pathNormalization.normalization=BASE',
    'MeshConfig pathNormalization.normalization=DEFAULT',
    'PeerAuthentication mtls.mode=PERMISSIVE',
    'ServiceEntry location=MESH_EXTERNAL',
    'Sidecar egress[].captureMode=DEFAULT',
    'Sidecar ingress[].captureMode=DEFAULT',
    'Sidecar outboundTrafficPolicy.mode=ALLOW_ANY',
    'VirtualService http[].corsPolicy.unmatchedPreflights=FORWARD',
    'VirtualService http[].corsPolicy.unmatchedPreflights=UNSPECIFIED',
    'VirtualService http[].redirect.scheme=',
    'WorkloadGroup probe.httpGet.scheme=',
    'WorkloadGroup probe.httpGet.scheme=HTTP',
  ],
  'no effect towards a program, WEFT0132 says so': [
    'Sidecar inboundConnectionPool.http.h2UpgradePolicy=DEFAULT',
    'Sidecar inboundConnectionPool.http.h2UpgradePolicy=DO_NOT_UPGRADE',
    'Sidecar inboundConnectionPool.http.h2UpgradePolicy=UPGRADE',
    'Sidecar ingress[].connectionPool.http.h2UpgradePolicy=DEFAULT',
    'Sidecar ingress[].connectionPool.http.h2UpgradePolicy=DO_NOT_UPGRADE',
    'Sidecar ingress[].connectionPool.http.h2UpgradePolicy=UPGRADE',
  ],
};

const folder = join(import.meta.dirname, 'cases');

/** A traffic policy is one shape at four places; test/property/levels.test.ts is about these (P24). */
function atOnePlace(path: string): string {
  return path.replace(
    /^DestinationRule (?:subsets\[\]\.)?trafficPolicy\.(?:portLevelSettings\[\]\.(?!port\.))?/,
    'DestinationRule trafficPolicy.',
  );
}

/** The paths of all that is written below a document, `http[].match[].headers{}.exact` for a map of conditions. */
function pathsIn(value: unknown, path: string, known: ReadonlySet<string>): readonly string[] {
  if (Array.isArray(value)) return [path, ...value.flatMap((item) => pathsIn(item, `${path}[]`, known))];
  if (typeof value !== 'object' || value === null) return [path, `${path}=${value}`];
  return [
    path,
    ...Object.entries(value).flatMap(([key, inner]) => {
      const separator = path.endsWith(' ') ? '' : '.';
      // A key of a map is no field.
      return pathsIn(inner, known.has(`${path}${separator}${key}`) ? `${path}${separator}${key}` : `${path}{}`, known);
    }),
  ];
}

const supported = documentShapes
  .filter(({ kind, tier }) => tier === undefined && kind !== 'List')
  .flatMap((document) =>
    inventoryOf(document)
      .filter(({ refused }) => !refused)
      .map(({ path, shape }) => ({ path: `${document.kind} ${path}`, shape })),
  );
const paths = supported.map(({ path }) => path);
const known = new Set(paths);
const used = new Set(
  readdirSync(folder).flatMap((name) => {
    const [head = '', ...texts] = readFileSync(join(folder, name, 'mesh.yaml'), 'utf8').split(/^---$/m);
    const scene = parse(head) as { readonly mesh?: unknown };
    const documents = texts.map((text) => parse(text) as { readonly kind: string; readonly spec?: unknown } | null);
    return [
      ...pathsIn(scene.mesh, 'MeshConfig ', known),
      ...documents.flatMap((document) =>
        document === null ? [] : pathsIn(document.spec ?? document, `${document.kind} `, known),
      ),
    ].map(atOnePlace);
  }),
);

const missingOf = (wanted: readonly string[]) =>
  [...new Set(wanted.map(atOnePlace).filter((path) => !used.has(path)))].sort();

test('every field that acts stands in a golden case, or says here where it is shown', () => {
  const leaves = paths.filter(
    (path) => !paths.some((other) => other.startsWith(path) && /^[.[{]/.test(other.slice(path.length))),
  );
  expect(missingOf(leaves)).toEqual(Object.keys(elsewhere).sort());
});

test('every word that a field may be stands in a golden case, or says here where it is shown', () => {
  const words = supported.flatMap(({ path, shape }) =>
    shape.is === 'choice' ? shape.values.map((word) => `${path}=${word}`) : [],
  );
  expect(missingOf(words)).toEqual(Object.values(wordsElsewhere).flat().sort());
});

test('every key of a condition stands in a golden case', () => {
  const written = [...used].filter((path) => path.startsWith(`${conditionKey}=`));
  const keys = written.map((path) => path.slice(conditionKey.length + 1).replace(/\[.*/, '[name]'));
  expect([...new Set(keys)].sort()).toEqual([...conditionKeys].sort());
});
const conditionKey = 'AuthorizationPolicy rules[].when[].key';
