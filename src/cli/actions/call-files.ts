import { answerAuthorization } from '../../control-plane/authorization-answer.ts';
import { type AuthorizationCaller, authorizationCaller } from '../../control-plane/authorization-caller.ts';
import { checkPair } from '../../control-plane/check-pair.ts';
import { offlineMesh } from '../../control-plane/offline-mesh.ts';
import { bareCaller, offlineProxy, offlineProxyNames } from '../../control-plane/offline-proxy.ts';
import type { AuthorizationAnswer, AuthorizationQuestion } from '../../model/authorization-answer.ts';
import type { PairCheck } from '../../model/check-answer.ts';
import type { Mesh } from '../../model/mesh.ts';
import type { Proxy } from '../../model/proxy.ts';
import { renderDiagnostics } from '../../policy/render.ts';
import { localPortRange } from '../../registry/local-ports.ts';
import { checkPlaces } from '../check-places.ts';
import { policyPlace } from '../policy-place.ts';
import type { CallContext } from './call-question.ts';
import { nameOf } from './route-files.ts';

/** Whether the mesh that files describe lets a call in; undefined where they have an error, as then nothing would be served. */
export async function authorizationOfFiles(
  context: CallContext,
  file: string,
  question: AuthorizationQuestion,
): Promise<AuthorizationAnswer | undefined> {
  const mesh = await meshOfFiles(context, file);
  return mesh && answerAuthorization(mesh, callerOfFiles(mesh, question), question, proxies(mesh));
}

/** The way of a call in the mesh that files describe; undefined as above. */
export async function checkOfFiles(
  context: CallContext,
  file: string,
  question: AuthorizationQuestion,
): Promise<PairCheck | undefined> {
  const mesh = await meshOfFiles(context, file);
  return mesh && checkPair(mesh, callerOfFiles(mesh, question), question, proxies(mesh));
}

async function meshOfFiles({ output, cwd }: CallContext, file: string): Promise<Mesh | undefined> {
  const { policies, settings, values, diagnostics, tree } = await checkPlaces([policyPlace(cwd, file)]);
  if (policies !== undefined)
    return offlineMesh({ policies, settings, range: localPortRange(values['localPorts.base']) });
  const texts = new Map(tree.files.map(({ path, text }) => [path, text]));
  for (const line of renderDiagnostics(diagnostics, (path) => texts.get(path), 20).split('\n')) output.say(line);
  return undefined;
}

/** Who comes of a file has a sidecar, as `weft run` would make it. */
function callerOfFiles(mesh: Mesh, question: AuthorizationQuestion): AuthorizationCaller {
  return authorizationCaller(mesh, question, ({ from, namespace }) => {
    if (from === undefined) {
      const { identity: _none, ...caller } = bareCaller(mesh, namespace);
      return caller;
    }
    return offlineProxy(mesh, nameOf(mesh, from, namespace), namespace);
  });
}

function proxies(mesh: Mesh): (id: string) => Proxy | undefined {
  const names = new Set(offlineProxyNames(mesh));
  return (id) => (names.has(id) ? offlineProxy(mesh, id, '') : undefined);
}
