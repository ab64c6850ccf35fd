import { parse, stringify } from 'yaml';
import { offlineMesh } from '../../src/control-plane/offline-mesh.ts';
import { spiffeId } from '../../src/model/identity.ts';
import { parseLocality } from '../../src/model/locality.ts';
import type { Mesh, MeshSettings } from '../../src/model/mesh.ts';
import type { PolicySet, Protocol } from '../../src/model/policy.ts';
import type { NodePort, Proxy } from '../../src/model/proxy.ts';
import type { Workload } from '../../src/model/workload.ts';
import { groupsOf } from '../../src/model/workload-groups.ts';
import { parsePolicies } from '../../src/policy/parse-policies.ts';
import { portsOfGroup } from '../../src/registry/group-binding.ts';

/** The first document of a mesh.yaml: who runs where, and what the case is about. */
interface SceneText {
  /** What is shown in ir.yaml and xds.yaml: the outbound half of one proxy, the inbound half of one, or both. */
  readonly show: {
    readonly proxy: string;
    readonly services?: readonly string[];
    readonly inbound?: boolean;
    /** `cluster NAME`, `endpoints NAME`, `listener NAME`, `routes NAME`, `secret NAME`, `filter NAME`. */
    readonly resources: readonly string[];
  };
  /** By `<name>.<namespace>`; a proxy `reviews-1` runs the service `reviews` with the label `app: reviews`. */
  readonly proxies: Readonly<Record<string, ProxyText>>;
  /** The body of meshconfig.yaml, which is written out anew: its lines count from its own top. */
  readonly mesh?: unknown;
  /** `policy.protocolDetection: auto` of weft.yaml. */
  readonly protocolDetection?: 'auto';
  /** The first local port of a service port; 21000. */
  readonly localPorts?: number;
}

interface ProxyText {
  readonly address?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Protocols by the application's port; callers connect at that port + 10000. */
  readonly ports?: Readonly<Record<number, Protocol>>;
  readonly capture?: { readonly proxy?: number; readonly ports?: boolean };
  readonly locality?: string;
  /** The WorkloadGroup of its namespace that it has joined; it has its ports if it names none. No `weft run` stands beside it. */
  readonly group?: string;
  readonly health?: 'unhealthy';
}

export interface Scene {
  readonly show: SceneText['show'];
  readonly proxy: Proxy;
  readonly mesh: Mesh;
}

const settings: MeshSettings = { trustDomain: 'demo.mesh', dnsSuffix: 'cluster.local', rootNamespace: 'istio-system' };

/** A mesh from one text: the scene, then policy documents, whose lines count from the top of the file. */
export function readScene(text: string): Scene {
  const cut = text.indexOf('\n---\n');
  const head = cut < 0 ? text : text.slice(0, cut + 1);
  const scene = parse(head) as SceneText;
  const blank = head.replace(/[^\n]+/g, '');
  const meshConfig = scene.mesh === undefined ? [] : [{ path: 'meshconfig.yaml', text: stringify(scene.mesh) }];
  const files = [...meshConfig, { path: 'mesh.yaml', text: blank + text.slice(head.length) }];
  const { policies, diagnostics } = parsePolicies(files, {
    commit: '4f1c2ab',
    rootNamespace: settings.rootNamespace,
    folders: 'free',
  });
  if (policies === undefined) {
    throw new Error(diagnostics.map(({ code, message, at }) => `${code} ${at.file}:${at.line} ${message}`).join('\n'));
  }
  const { protocolDetection } = scene;
  const mesh = offlineMesh({
    policies,
    settings: { ...settings, ...(protocolDetection && { protocolDetection }) },
    joined: Object.entries(scene.proxies).map(([id, proxy]) => [id, workloadOf(id, proxy, policies)]),
    range: { first: scene.localPorts ?? 21_000, last: 65_535 },
  });
  const shown = scene.proxies[scene.show.proxy];
  if (shown === undefined) throw new Error(`no proxy ${scene.show.proxy}`);
  return { show: scene.show, proxy: proxyOf(scene.show.proxy, shown, policies), mesh };
}

function nameOf(id: string) {
  const [name = '', namespace = ''] = id.split('.');
  const service = name.replace(/-\d+$/, '');
  const identity = spiffeId({ trustDomain: settings.trustDomain, namespace, serviceAccount: service });
  return { name, namespace, service, identity };
}

function portsOf(id: string, { ports = {}, group }: ProxyText, policies: PolicySet): readonly NodePort[] {
  const declared = Object.entries(ports).map(([text, protocol]) => {
    const port = Number(text);
    return { port, inbound: port + 10_000, protocol };
  });
  return portsOfGroup(groupsOf(policies)(nameOf(id).namespace).get(group ?? ''), declared);
}

function localityOf({ locality }: ProxyText) {
  return locality === undefined ? {} : { locality: parseLocality(locality) };
}

function workloadOf(id: string, proxy: ProxyText, policies: PolicySet): Workload {
  const { name, namespace, service, identity } = nameOf(id);
  return {
    id,
    name,
    namespace,
    service,
    serviceAccount: service,
    identity,
    labels: { app: service, ...proxy.labels },
    granted: { app: service },
    address: proxy.address ?? '10.0.0.1',
    ports: portsOf(id, proxy, policies).map(({ inbound, ...port }) => ({ ...port, endpointPort: inbound })),
    ...localityOf(proxy),
    weight: 1,
    health: proxy.health ?? 'healthy',
    ...(proxy.group === undefined ? {} : { group: { name: proxy.group } }),
    source: 'proxy',
  };
}

function proxyOf(id: string, proxy: ProxyText, policies: PolicySet): Proxy {
  const { proxy: proxyPort, ports = false } = proxy.capture ?? {};
  return {
    id,
    ...nameOf(id),
    labels: { app: nameOf(id).service, ...proxy.labels },
    ports: portsOf(id, proxy, policies),
    inboundBind: '0.0.0.0',
    applicationAddress: '127.0.0.1',
    // Virtual hosts stand in their route configuration, where a file can hold them.
    capture: { bind: '127.0.0.1', ports, wholeRoutes: true, ...(proxyPort === undefined ? {} : { proxy: proxyPort }) },
    ...localityOf(proxy),
    envoyVersion: '1.40.0',
  };
}
