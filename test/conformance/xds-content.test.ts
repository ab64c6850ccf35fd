import { createPrivateKey, X509Certificate } from 'node:crypto';
import { isMessage, type Message } from '@bufbuild/protobuf';
import { isReflectMessage, reflect } from '@bufbuild/protobuf/reflect';
import { AnySchema } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { openAuthority } from '../../src/ca/authority.ts';
import { Secret } from '../../src/model/secret.ts';
import { systemClock } from '../../src/model/state-store.ts';
import { decode, decodeAny } from '../../src/proto/codec.ts';
import { Cluster_DiscoveryType, ClusterSchema } from '../../src/proto/gen/envoy/config/cluster/v3/cluster_pb.ts';
import type { DataSource } from '../../src/proto/gen/envoy/config/core/v3/base_pb.ts';
import { SecretSchema } from '../../src/proto/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import { schemaOf } from '../../src/proto/registry.ts';
import { createBootstrap } from '../../src/sidecar/bootstrap.ts';
import { translateSecrets } from '../../src/translate/translate-secrets.ts';
import { clusterType, listenerType, secretType } from '../../src/xds/resource-types.ts';
import { goldenResources, jsonOf, objectsIn } from '../support/golden-resources.ts';
import { memoryStore } from '../support/memory-store.ts';
import { selfSigned } from '../support/self-signed.ts';
import { sourceFiles } from '../support/source-files.ts';

const { certificate, key } = selfSigned('content');
const material = { certificateChain: certificate, privateKey: key, bundle: [certificate] };
const golden = [...goldenResources(material).values()].flat();
const objects = golden.flatMap((resource) => [...objectsIn(jsonOf(resource))]);
const bootstrap = createBootstrap({
  nodeId: 'reviews-1.shop',
  metadata: {
    service: 'reviews',
    namespace: 'shop',
    labels: {},
    ports: [],
    capture: { bind: '127.0.0.1', proxy: 15_001, ports: true },
  },
  controlPlane: { host: '127.0.0.1', port: 15_012, serverName: 'xds.weft', rootPem: certificate },
  credential: new Secret('a.b'),
  admin: { kind: 'pipe', path: '/tmp/admin.sock' },
  stats: { flushInterval: 5_000 },
});

test('X96 X97 X105 X88 every config source is one and the same: ADS, V3, the fetch timeout left alone', () => {
  const sources = objects.filter(([, value]) => 'resourceApiVersion' in value || 'ads' in value);
  expect(sources.length).toBeGreaterThan(50);
  expect(new Set(sources.map(([, value]) => JSON.stringify(value)))).toEqual(
    new Set(['{"ads":{},"resourceApiVersion":"V3"}']),
  );
  const asked = objects.filter(([field]) => /^(sdsConfig|edsConfig|configSource|rdsConfig)$/.test(field));
  expect(asked).toHaveLength(sources.length);
});

test('X88 X105 the bootstrap waits for CDS and LDS for ever, and for nothing else; V3 everywhere', () => {
  const source = { ads: {}, resource_api_version: 'V3', initial_fetch_timeout: '0s' };
  expect(bootstrap).toMatchObject({
    dynamic_resources: { ads_config: { transport_api_version: 'V3' }, cds_config: source, lds_config: source },
  });
  expect(JSON.stringify(bootstrap).match(/initial_fetch_timeout/g)).toHaveLength(2);
});

test('X15 X120 the way to the control plane has keepalive, and needs nothing that comes over it', () => {
  const clusters = [...objectsIn(bootstrap)].filter(([field, value]) => field === 'clusters' && value.name === 'xds');
  expect(clusters).toHaveLength(1);
  const xds = JSON.stringify(clusters);
  expect(xds).toContain('"connection_keepalive":{"interval":"30s","timeout":"10s"}');
  expect(xds).toContain('BEGIN CERTIFICATE');
  expect(xds).not.toMatch(/sds_config|"ads"|eds_config|validation_context_sds|tls_certificate_sds/);
});

test('X95 an EDS cluster is linked with the name under which Envoy asks for its endpoints', () => {
  const clusters = golden.filter(({ typeUrl }) => typeUrl === clusterType);
  let dynamic = 0;
  for (const resource of clusters) {
    const { name, edsClusterConfig, clusterDiscoveryType } = decode(ClusterSchema, resource.value);
    const isEds = clusterDiscoveryType.value === Cluster_DiscoveryType.EDS;
    const asked = isEds ? edsClusterConfig?.serviceName || name : undefined;
    expect(resource.edsName, name).toBe(asked);
    if (asked !== undefined) dynamic += 1;
  }
  expect(dynamic).toBeGreaterThan(10);
});

test('X98 X32 translated anew, with a renewed certificate, every listener has the bytes that it had', () => {
  const other = selfSigned('renewed');
  const renewed = { certificateChain: other.certificate, privateKey: other.key, bundle: [other.certificate] };
  const bytes = (resources: typeof golden) =>
    resources.filter(({ typeUrl }) => typeUrl === listenerType).map(({ name, version }) => `${name} ${version}`);
  expect(bytes([...goldenResources(renewed).values()].flat())).toEqual(bytes(golden));
});

test('X110 no assignment sets an overprovisioning factor', () => {
  expect(objects.filter(([, value]) => 'overprovisioningFactor' in value)).toEqual([]);
});

/** Fields set in a message, at any depth, that its .proto calls deprecated. */
function deprecatedFields(message: Message): readonly string[] {
  const view = reflect(schemaOf(`type.googleapis.com/${message.$typeName}`), message);
  return view.fields.flatMap((field) => {
    if (!view.isSet(field)) return [];
    const inner: Message[] = [];
    if (field.fieldKind === 'message') inner.push(view.get(field).message);
    else if (field.fieldKind === 'list' && field.listKind === 'message')
      for (const item of view.get(field)) inner.push(...(isReflectMessage(item) ? [item.message] : []));
    else if (field.fieldKind === 'map' && field.mapKind === 'message')
      for (const [, item] of view.get(field)) inner.push(...(isReflectMessage(item) ? [item.message] : []));
    const found = inner.flatMap((each) => deprecatedFields(isMessage(each, AnySchema) ? decodeAny(each) : each));
    return field.deprecated ? [`${message.$typeName}.${field.name}`, ...found] : found;
  });
}

test('X104 no field is set that its .proto calls deprecated', () => {
  for (const resource of golden)
    expect(deprecatedFields(decode(schemaOf(resource.typeUrl), resource.value)), resource.name).toEqual([]);
});

test('X116 one identity and one bundle, each whole: the key fits the leaf, and the chain reaches the root', async () => {
  const authority = await openAuthority({ store: memoryStore(), clock: systemClock, trustDomain: 'demo.mesh' });
  const svid = authority.issue({ trustDomain: 'demo.mesh', namespace: 'shop', serviceAccount: 'reviews' });
  const { certificateChain, privateKey } = svid;
  const { roots } = authority.bundle.get();
  const made = translateSecrets({ certificateChain, privateKey: privateKey.expose(), bundle: roots });
  expect(made.map(({ typeUrl }) => typeUrl)).toEqual([secretType, secretType, secretType]);
  const secrets = made.map(({ value }) => decode(SecretSchema, value));
  expect(secrets.map(({ name, type }) => [name, type.case])).toEqual([
    ['identity', 'tlsCertificate'],
    ['bundle', 'validationContext'],
    // For TLS to outside, and a file on the proxy's machine: nothing that the authority made.
    ['system_roots', 'validationContext'],
  ]);
  const [identity, bundle] = secrets.map(({ type }) => type);
  if (identity?.case !== 'tlsCertificate' || bundle?.case !== 'validationContext') throw new Error('other secrets');
  const text = (source: DataSource | undefined) => String(source?.specifier.value);
  const chain = text(identity.value.certificateChain).split(/(?=-----BEGIN)/);
  const certificates = [...chain, text(bundle.value.trustedCa)].map((pem) => new X509Certificate(pem));
  const [leaf, issuer, root] = certificates;
  if (leaf === undefined || issuer === undefined || root === undefined) throw new Error('the chain is short');
  expect(leaf.checkPrivateKey(createPrivateKey(text(identity.value.privateKey)))).toBe(true);
  expect([leaf.verify(issuer.publicKey), issuer.verify(root.publicKey), root.verify(root.publicKey)]).toEqual(
    Array(3).fill(true),
  );
  authority.dispose();
});

test('X36 nothing reads system_version_info', () => {
  for (const [path, text] of sourceFiles()) expect(text, path).not.toMatch(/systemVersionInfo|system_version_info/);
});

/** The server and all that it is made of: relative imports, followed to the end. */
function partsOfServer(): ReadonlyMap<string, string> {
  const all = sourceFiles();
  const found = new Map<string, string>();
  const visit = (path: string): void => {
    const text = all.get(path);
    if (text === undefined || found.has(path)) return;
    found.set(path, text);
    for (const [, name = ''] of text.matchAll(/from '\.\/([\w-]+\.ts)'/g)) visit(`xds/${name}`);
  };
  visit('xds/create-xds-server.ts');
  return found;
}

test('section 5 point 1: the server knows no message of a resource; references come with it', () => {
  const parts = partsOfServer();
  expect(parts.size).toBeGreaterThan(20);
  for (const [path, text] of parts)
    expect(text, path).not.toMatch(
      /gen\/envoy\/(?:config\/(?:cluster|listener|route|endpoint)|extensions|service\/runtime)/,
    );
});
