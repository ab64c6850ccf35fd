import type { Describable } from '../../control-plane/describable.ts';
import { describe } from '../../control-plane/describe-values.ts';
import { offlineMesh } from '../../control-plane/offline-mesh.ts';
import { offlineProxy, offlineProxyNames } from '../../control-plane/offline-proxy.ts';
import type { DescribedKind } from '../../model/description.ts';
import type { Diagnostic } from '../../model/diagnostic.ts';
import type { Mesh } from '../../model/mesh.ts';
import { renderDiagnostics } from '../../policy/render.ts';
import { localPortRange } from '../../registry/local-ports.ts';
import { scopeKey, scopeOf } from '../../resolve/scope.ts';
import { checkPlaces } from '../check-places.ts';
import { policyPlace } from '../policy-place.ts';
import { askedNamespace } from '../read-api.ts';
import { descriptionLines } from '../render/description.ts';
import type { ExitCode, VerbContext } from '../verb.ts';
import type { describeFlags } from '../verbs/describe.ts';

/** `weft describe -f`: exit 1 when the policies have an error, as then nothing would be served. */
export async function describeFiles(
  context: VerbContext<typeof describeFlags>,
  file: string,
  kind: DescribedKind,
  name: string,
): Promise<ExitCode> {
  const { output, cwd } = context;
  const { policies, settings, values, diagnostics, tree } = await checkPlaces([policyPlace(cwd, file)]);
  if (policies === undefined) {
    const texts = new Map(tree.files.map(({ path, text }) => [path, text]));
    for (const line of renderDiagnostics(diagnostics, (path) => texts.get(path), 20).split('\n')) output.say(line);
    return 1;
  }
  const mesh = offlineMesh({ policies, settings, range: localPortRange(values['localPorts.base']) });
  const description = describe(describable(mesh, diagnostics), kind, name, askedNamespace(context));
  output.object('Description', description, descriptionLines(description));
  return 0;
}

/** Everybody whom files describe counts as a caller. */
function describable(mesh: Mesh, diagnostics: readonly Diagnostic[]): Describable {
  const names = new Set(offlineProxyNames(mesh));
  const proxyOf = (id: string) => (names.has(id) ? offlineProxy(mesh, id, '') : undefined);
  const scopes = [...names].flatMap((id) => {
    const proxy = proxyOf(id);
    return proxy === undefined ? [] : [scopeOf(mesh, mesh.workloads.get(id) ?? proxy)];
  });
  return {
    mesh,
    live: false,
    diagnostics,
    proxyOf,
    scopes: [...new Map(scopes.map((scope) => [scopeKey(scope), scope])).values()],
  };
}
