import { offlineMesh } from '../../control-plane/offline-mesh.ts';
import { offlineProxy, offlineProxyNames } from '../../control-plane/offline-proxy.ts';
import { answerRoute } from '../../control-plane/route-answer.ts';
import { withAuthorization } from '../../control-plane/route-authorization.ts';
import { callerOf, wholeName } from '../../control-plane/route-caller.ts';
import type { Mesh } from '../../model/mesh.ts';
import type { RouteAnswer, RouteQuestion } from '../../model/route-answer.ts';
import { renderDiagnostics } from '../../policy/render.ts';
import { localPortRange } from '../../registry/local-ports.ts';
import { checkPlaces } from '../check-places.ts';
import { policyPlace } from '../policy-place.ts';
import type { RouteContext } from './route.ts';

/** The answer for the mesh that files describe; undefined where they have an error, as then nothing would be served. */
export async function routeOfFiles(
  { output, cwd }: RouteContext,
  file: string,
  question: RouteQuestion,
): Promise<RouteAnswer | undefined> {
  const { policies, settings, values, diagnostics, tree } = await checkPlaces([policyPlace(cwd, file)]);
  if (policies === undefined) {
    const texts = new Map(tree.files.map(({ path, text }) => [path, text]));
    for (const line of renderDiagnostics(diagnostics, (path) => texts.get(path), 20).split('\n')) output.say(line);
    return undefined;
  }
  const mesh = offlineMesh({ policies, settings, range: localPortRange(values['localPorts.base']) });
  const { from, namespace } = question;
  // A Service of a file has no workload, but one that has its labels can be thought of.
  const proxy = from === undefined ? undefined : offlineProxy(mesh, nameOf(mesh, from, namespace), namespace);
  const caller = proxy === undefined ? callerOf(mesh, { namespace }) : (mesh.workloads.get(proxy.id) ?? proxy);
  const answer = answerRoute(mesh, caller, question);
  if (proxy === undefined) return answer;
  const known = new Set(offlineProxyNames(mesh));
  const principal = proxy.identity.replace(/^spiffe:\/\//, '');
  return withAuthorization(answer, mesh, { ...caller, principal }, question, (id) =>
    known.has(id) ? offlineProxy(mesh, id, '') : undefined,
  );
}

/** As it is written, if a file has it so. */
export function nameOf(mesh: Mesh, from: string, namespace: string): string {
  const names = offlineProxyNames(mesh);
  const asked = from.replace(/^proxy\//, '');
  const whole = wholeName(asked, namespace, names);
  return names.includes(whole) ? whole : from;
}
