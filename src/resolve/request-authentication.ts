import type { KeyServer, TokenDecision } from '../model/ir-inbound.ts';
import type { Mesh } from '../model/mesh.ts';
import type { RequestAuthenticationObject, SidecarObject } from '../model/policy.ts';
import { provenance } from '../model/policy-provenance.ts';
import { refText } from '../model/provenance.ts';
import { type KeyServerContext, keyServer } from './key-server.ts';
import type { MeshDefaults } from './mesh-defaults.ts';
import type { Selected } from './mutual-tls.ts';
import type { PolicyIndex } from './policy-index.ts';
import { selecting } from './selecting.ts';

/** An object that selects a workload, and whom this asks for the keys of each of its rules. */
export interface ActingAuthentication {
  readonly object: RequestAuthenticationObject;
  readonly servers: readonly (KeyServer | undefined)[];
}

const none: readonly RequestAuthenticationObject[] = [];

/** P49: the objects of the root namespace and of the workload's own whose selector fits; all act together. */
export function requestAuthentications(
  mesh: Mesh,
  index: PolicyIndex,
  settings: MeshDefaults,
  workload: Selected,
  sidecar: SidecarObject | undefined,
): readonly ActingAuthentication[] {
  if (index.requestAuthentications.size === 0) return [];
  const context: KeyServerContext = { mesh, index, settings, workload, sidecar };
  const namespaces = [...new Set([settings.rootNamespace, workload.namespace])];
  return namespaces
    .flatMap((namespace) =>
      selecting(index.requestAuthentications.get(namespace) ?? none, workload.labels, ({ spec }) => spec.selector),
    )
    .map((object) => ({
      object,
      servers: object.spec.rules.map(({ keys }) =>
        keys.kind === 'remote' ? keyServer(context, keys.uri, object.namespace) : undefined,
      ),
    }));
}

/** P49: a request has no token, or one that any rule takes; objects without rules check nothing. */
export function resolveTokens(acting: readonly ActingAuthentication[]): TokenDecision | undefined {
  const rules = acting.flatMap(({ object, servers }) =>
    object.spec.rules.map((rule, position) => {
      const keysFrom = servers[position];
      return {
        // As Envoy's words name it when it refuses something (P46).
        id: `${refText(object)}[${position}]`,
        by: provenance(object, `spec.jwtRules[${position}]`),
        rule,
        ...(keysFrom && { keysFrom }),
      };
    }),
  );
  return rules.length === 0 ? undefined : { rules };
}
