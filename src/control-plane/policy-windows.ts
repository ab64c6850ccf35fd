import type { ConfigDump, Readiness } from '../admin/admin-source.ts';
import { notReady } from '../admin/envelope.ts';
import type { PolicyWindows, VisibilityReport } from '../admin/policy-windows.ts';
import type { Diagnostic } from '../model/diagnostic.ts';
import type { Scope } from '../model/ir.ts';
import type { Mesh } from '../model/mesh.ts';
import { decidedByText, refText } from '../model/provenance.ts';
import type { Proxy } from '../model/proxy.ts';
import { readable, readableIr } from '../model/readable-ir.ts';
import type { EdgeRow } from '../model/traffic.ts';
import { resolveProxy } from '../resolve/proxy.ts';
import { scopeKey, scopeOf } from '../resolve/scope.ts';
import { resolveView } from '../resolve/view.ts';
import { describe } from './describe-values.ts';
import type { FailingQuestions } from './failing-questions.ts';
import { provenanceReport } from './provenance-report.ts';
import type { RevisionTable } from './revision-table.ts';

/** What policies make of the connected proxies, read at the moment of the question. */
export function createPolicyWindows(of: {
  readonly mesh: () => Mesh | undefined;
  /** Connected, by id. */
  readonly proxies: () => ReadonlyMap<string, Proxy>;
  readonly diagnostics: () => readonly Diagnostic[];
  readonly edges: () => readonly EdgeRow[];
  readonly failing: FailingQuestions;
  readonly now: () => number;
  readonly configDump: (proxyId: string) => ConfigDump | undefined;
  /** The commit that a proxy holds. */
  readonly revisionOf: (proxyId: string) => string;
  readonly readiness: () => Readiness;
  readonly revisions: RevisionTable;
}): PolicyWindows {
  const current = (): Mesh => {
    const mesh = of.mesh();
    if (mesh === undefined) throw notReady(of.readiness());
    return mesh;
  };
  const scopes = (mesh: Mesh): ReadonlyMap<string, Scope> => {
    const all = [...of.proxies().values()].map((proxy) => scopeOf(mesh, mesh.workloads.get(proxy.id) ?? proxy));
    return new Map(all.map((scope) => [scopeKey(scope), scope]));
  };
  return {
    provenance(proxyId) {
      const dump = of.configDump(proxyId);
      const commit = of.revisionOf(proxyId);
      return dump && provenanceReport(dump, (ref, field, context) => of.revisions.place(commit, ref, field, context));
    },
    proxyIr(proxyId) {
      const proxy = of.proxies().get(proxyId);
      if (proxy === undefined) return undefined;
      const mesh = current();
      return { proxy: proxyId, commit: mesh.policies.commit, ...readableIr(resolveProxy(mesh, proxy)) };
    },
    scopeIr(key) {
      const mesh = current();
      const scope = scopes(mesh).get(key);
      return scope && { scope: key, commit: mesh.policies.commit, view: readable(resolveView(mesh, scope)) };
    },
    scopes: () => [...scopes(current()).keys()].sort(),
    visibility() {
      const mesh = current();
      const froms = new Map(mesh.services.map(({ key, by }) => [key, by && `${by.at.file}:${by.at.line}`]));
      return [...of.proxies().values()]
        .map((proxy) => visibilityOf(mesh, proxy, froms))
        .sort((a, b) => (a.proxy < b.proxy ? -1 : 1));
    },
    describe: (kind, name, namespace) => {
      const mesh = current();
      const known = {
        mesh,
        live: true,
        diagnostics: of.diagnostics(),
        proxyOf: (id: string) => of.proxies().get(id),
        scopes: [...scopes(mesh).values()],
        edges: of.edges(),
        failing: of.failing,
        now: of.now(),
      };
      return describe(known, kind, name, namespace);
    },
  };
}

function visibilityOf(mesh: Mesh, proxy: Proxy, froms: ReadonlyMap<string, string | undefined>): VisibilityReport {
  const { view } = resolveProxy(mesh, proxy);
  const { imports } = view;
  return {
    proxy: proxy.id,
    scope: view.key,
    ...(imports && {
      imports: {
        value: imports.value,
        by: decidedByText(imports.by),
        ref: 'default' in imports.by ? imports.by.default : refText(imports.by.object),
      },
    }),
    unknownHosts: { value: view.unknownHosts.value, by: decidedByText(view.unknownHosts.by) },
    services: view.services.map(({ service, host, namespace, ports }) => {
      const from = froms.get(service);
      return { host, namespace, ports: ports.map(({ port }) => port), ...(from === undefined ? {} : { from }) };
    }),
  };
}
