import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createTreeCheck } from '../../src/control-plane/check-tree.ts';
import { type PreparedScope, prepareView, type WantedScope } from '../../src/control-plane/prepare-view.ts';
import {
  type CaptureLayer,
  captureKey,
  captureLayer,
  type ViewLayer,
  viewLayer,
} from '../../src/control-plane/shared-layers.ts';
import type { Mesh, MeshSettings } from '../../src/model/mesh.ts';
import type { PolicySet } from '../../src/model/policy.ts';
import { finish } from '../../src/model/steps.ts';
import { localPortKeys } from '../../src/registry/local-ports.ts';
import { type BuiltServices, buildServices } from '../../src/registry/services.ts';
import { workloadsOfEntries } from '../../src/registry/workload-entries.ts';
import { resolveInbound } from '../../src/resolve/inbound.ts';
import { scopeOf } from '../../src/resolve/scope.ts';
import { translateInbound } from '../../src/translate/translate-inbound.ts';
import type { Layer } from '../../src/xds/layer.ts';
import { entriesOf } from '../../src/xds/persistent-map.ts';
import { proxy } from '../support/resolve-values.ts';

/** Documents of two namespaces that refer to each other: what may stand in a place of a file, good and bad. */
const versions = (name: string, ns: string, other: string): readonly string[] => [
  '',
  `apiVersion: v1\nkind: Service\nmetadata: { name: ${name} }\nspec: { selector: { app: ${name} }, ports: [{ name: http, port: 80 }] }\n`,
  `apiVersion: v1\nkind: Service\nmetadata: { name: ${name} }\nspec: { selector: { app: ${name} }, ports: [{ name: tcp-x, port: 80 }, { name: http, port: 81 }] }\n`,
  `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: ${name} }\nspec: { hosts: [${name}], http: [{ route: [{ destination: { host: ${name} } }], timeout: 1s }] }\n`,
  `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: ${name} }\nspec:\n  hosts: [${name}]\n  http:\n  - match: [{ sourceLabels: { ring: canary } }]\n    route: [{ destination: { host: ${other}.${ns}.svc.cluster.local } }]\n  - route: [{ destination: { host: ${name} } }]\n`,
  `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: wide-${name} }\nspec: { hosts: ["*.cluster.local"], exportTo: ["."], http: [{ route: [{ destination: { host: ${name}.shop.svc.cluster.local, subset: v1 } }] }] }\n`,
  `apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: { name: ${name} }\nspec: { host: ${name}, subsets: [{ name: v1, labels: { version: v1 } }] }\n`,
  `apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: { name: ${name} }\nspec: { host: ${name}, trafficPolicy: { outlierDetection: { consecutive5xxErrors: 3 } }, workloadSelector: { matchLabels: { ring: canary } } }\n`,
  `apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: { name: ${name} }\nspec: { selector: { matchLabels: { app: ${name} } }, rules: [{ from: [{ source: { namespaces: [${ns}] } }] }] }\n`,
  `apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: { name: ${name} }\nspec: { selector: { matchLabels: { app: ${name} } }, mtls: { mode: STRICT } }\n`,
  `apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: { name: ${name}-1 }\nspec: { address: 10.0.0.1, labels: { app: ${name}, version: v1 }, serviceAccount: ${name} }\n`,
  `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: bad }\nspec: { hots: [${name}] }\n`,
  `apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: { name: ${name} }\nspec: { workloadSelector: { labels: { app: ${name} } }, egress: [{ hosts: ["./*"] }], ingress: [{ port: { number: 9080, protocol: HTTP }, defaultEndpoint: "127.0.0.1:1" }] }\n`,
  `apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: { name: ${name} }\nspec:\n  workloadSelector: { labels: { app: ${name} } }\n  outboundTrafficPolicy: { mode: REGISTRY_ONLY }\n  egress:\n  - { port: { number: 80, protocol: HTTP }, hosts: ["*/*", "~${ns}/${name}.${ns}.svc.cluster.local"] }\n  - { hosts: ["*/*"] }\n`,
  `apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: { name: of-${other} }\nspec: { host: ${other}.shop.svc.cluster.local, exportTo: ["."], trafficPolicy: { outlierDetection: { consecutive5xxErrors: 7 } } }\n`,
  `apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: { name: ${name}-out }\nspec: { hosts: [${name}.example.com, any.example.com], addresses: [10.9.9.9], ports: [{ number: 80, name: http, protocol: HTTP }], resolution: STATIC, endpoints: [{ address: 10.0.0.9 }], exportTo: ["${ns === 'shop' ? '*' : '.'}"] }\n`,
  `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: ${name} }\nspec:\n  hosts: [${name}]\n  http:\n  - match: [{ sourceNamespace: ${ns} }]\n    route: [{ destination: { host: ${other} } }]\n  - route: [{ destination: { host: any.example.com } }]\n`,
  `# a line more\n\napiVersion: v1\nkind: Service\nmetadata: { name: ${name}-two }\nspec: { selector: { app: ${name} }, ports: [{ name: http, port: 80 }] }\n`,
];

const places = [
  { file: 'policies/shop/a.yaml', of: versions('cart', 'bank', 'pay') },
  { file: 'policies/shop/a.yaml', of: versions('cart', 'bank', 'pay') },
  { file: 'policies/shop/b.yaml', of: versions('list', 'shop', 'cart') },
  { file: 'policies/bank/a.yaml', of: versions('pay', 'shop', 'cart') },
  { file: 'policies/bank/a.yaml', of: versions('pay', 'shop', 'list') },
  { file: 'policies/bank/c.yaml', of: versions('loan', 'bank', 'pay') },
] as const;
const kinds = places[0].of.length;

const capture = { bind: '127.0.0.1', proxy: 15_001, ports: true };
const proxies = [
  proxy('cart.shop', { labels: { app: 'cart' }, capture }),
  proxy('pay.bank', { labels: { app: 'pay', ring: 'canary' }, capture }),
  proxy('any.third', { labels: { app: 'any' }, capture }),
  proxy('plain.bank', { labels: { app: 'plain' }, capture }),
];

function treeOf(choice: readonly number[], step: number) {
  const files = [...new Set(places.map(({ file }) => file))].map((path) => ({
    path,
    text: places.flatMap(({ file, of }, index) => (file === path ? [of[choice[index] ?? 0] ?? ''] : [])).join('---\n'),
  }));
  return { commit: `c${step}`, files, diagnostics: [], author: '', subject: '', time: 0 };
}

const settingsOnce = (): MeshSettings => ({
  trustDomain: 'cluster.local',
  dnsSuffix: 'cluster.local',
  rootNamespace: 'istio-system',
});
const checkWith = (settings: MeshSettings) =>
  createTreeCheck({ settings, folders: 'namespace', root: 'policies', joined: () => undefined });

function meshOf(policies: PolicySet, settings: MeshSettings, built: BuiltServices, ports: Mesh['localPorts']): Mesh {
  const { services, endpoints } = built;
  return {
    generation: 1,
    settings,
    policies,
    services,
    endpoints,
    workloads: workloadsOfEntries(policies, settings),
    localPorts: ports,
  };
}

/** Every resource of a layer as text. */
function bytesOf({ types }: Layer): readonly string[] {
  const all = [...types].flatMap(([typeUrl, resources]) =>
    [...entriesOf(resources)].map(
      ([name, { value, references }]) =>
        `${typeUrl} ${name} ${Buffer.from(value).toString('base64')} ${references.map((one) => one.name).join()}`,
    ),
  );
  return all.sort();
}

test('after any sequence of changes, what is served is byte for byte what is made from scratch', {
  timeout: 180_000,
}, () => {
  let compared = 0;
  const histories = fc.array(fc.tuple(fc.nat({ max: places.length - 1 }), fc.nat({ max: kinds - 1 }), fc.boolean()), {
    minLength: 2,
    maxLength: 14,
  });
  fc.assert(
    fc.property(fc.array(fc.nat({ max: kinds - 1 }), { minLength: 6, maxLength: 6 }), histories, (start, history) => {
      const choice = [...start];
      const settings = settingsOnce();
      const check = checkWith(settings);
      let built: BuiltServices | undefined;
      let ports: Mesh['localPorts'] = new Map();
      const made = new Map<string, { view: ViewLayer; capture: CaptureLayer }>();
      for (const [step, [place, kind, serves]] of history.entries()) {
        choice[place] = kind;
        const tree = treeOf(choice, step);
        const now = check(tree);
        const fresh = checkWith(settingsOnce())(tree);
        expect(now.diagnostics).toEqual(fresh.diagnostics);
        expect(now.policies?.objects.map(({ commit: _, ...object }) => object)).toEqual(
          fresh.policies?.objects.map(({ commit: _, ...object }) => object),
        );
        // A commit with an error is not served; one that follows too soon on another is merged with it.
        if (now.policies === undefined || fresh.policies === undefined || !serves) continue;
        built = buildServices(now.policies, workloadsOfEntries(now.policies, settings), settings, built);
        const keys = localPortKeys(built.services);
        if (keys.join() !== [...ports.keys()].join()) ports = new Map(keys.map((key, index) => [key, 21_000 + index]));
        const other = settingsOnce();
        const scratch = meshOf(
          fresh.policies,
          other,
          buildServices(fresh.policies, workloadsOfEntries(fresh.policies, other), other),
          ports,
        );
        const mesh = meshOf(now.policies, settings, built, ports);
        compared += 1;
        let beside: PreparedScope | undefined;
        for (const client of proxies) {
          const before = made.get(client.id);
          const view = viewLayer(mesh, scopeOf(mesh, client), sameScope(before?.view, mesh, client));
          const listeners = captureLayer(view.view, client.capture, sameCapture(before, view));
          made.set(client.id, { view, capture: listeners });
          // From scratch: nothing that another client of this mesh was given.
          const whole = viewLayer({ ...scratch, settings: settingsOnce() }, scopeOf(scratch, client));
          expect(bytesOf(view.layer)).toEqual(bytesOf(whole.layer));
          beside = finish(prepareView(mesh, wantedOf(mesh, client), beside));
          expect(bytesOf(beside.view.layer)).toEqual(bytesOf(whole.layer));
          expect([...beside.captures.values()].map(({ layer }) => bytesOf(layer))).toEqual([bytesOf(listeners.layer)]);
          expect(bytesOf(listeners.layer)).toEqual(bytesOf(captureLayer(whole.view, client.capture).layer));
          const inbound = [mesh, scratch].map((each) => translateInbound(resolveInbound(each, client), client));
          expect(inbound[0]?.map(({ version }) => version)).toEqual(inbound[1]?.map(({ version }) => version));
        }
      }
    }),
    { numRuns: 40 },
  );
  expect(compared).toBeGreaterThan(20);
});

/** As of a proxy that has just come. */
function wantedOf(mesh: Mesh, client: (typeof proxies)[number]): WantedScope {
  const captures = new Map([[captureKey(client.capture), client.capture]]);
  return { scope: scopeOf(mesh, client), captures, made: undefined };
}

/** A proxy whose scope has changed has another view, and nothing of it before. */
function sameScope(before: ViewLayer | undefined, mesh: Mesh, client: (typeof proxies)[number]): ViewLayer | undefined {
  const view = before && viewLayer(mesh, scopeOf(mesh, client), before);
  return view?.view.key === before?.view.key ? before : undefined;
}

function sameCapture(
  before: { readonly view: ViewLayer; readonly capture: CaptureLayer } | undefined,
  now: ViewLayer,
): CaptureLayer | undefined {
  return before?.capture.view.key === now.view.key ? before.capture : undefined;
}
