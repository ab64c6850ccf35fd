import { nearestName } from '../../model/nearest-name.ts';
import type {
  DestinationRuleObject,
  ServiceEntryObject,
  ServiceObject,
  VirtualServiceObject,
} from '../../model/policy.ts';
import { exportToAnnotation } from '../read-metadata.ts';
import { having } from './having.ts';
import { labelHint, type ReferenceScope, reportAt } from './reference-scope.ts';
import { namespacesWith, workloadsIn } from './scope-index.ts';

const info = { severity: 'info' } as const;

/** What to write instead of a namespace that has neither workload nor service; undefined: it has. */
export function namespaceHint(scope: ReferenceScope, namespace: string): string | undefined {
  const { services = [], workloads = [] } = scope;
  const [serving, working] = [namespacesWith(services), namespacesWith(workloads)];
  if (serving.has(namespace) || working.has(namespace)) return undefined;
  const near = nearestName(namespace, [...serving, ...working]);
  return near ? `did you mean ${JSON.stringify(near)}?` : 'correct it, or wait until a workload joins there';
}

/** WEFT0101, an info: an object that is for a namespace in which there is nothing. */
export function checkExports(
  scope: ReferenceScope,
  object: VirtualServiceObject | DestinationRuleObject | ServiceEntryObject | ServiceObject,
): void {
  if (!scope.workloads) return;
  const annotation = `metadata.annotations["${exportToAnnotation}"]`;
  for (const [index, entry] of object.spec.exportTo.entries()) {
    // What MeshConfig says is no word of this object.
    const field = object.kind === 'Service' ? annotation : `spec.exportTo[${index}]`;
    if (['*', '.', '~', object.namespace].includes(entry) || !object.positions.has(field)) continue;
    const hint = namespaceHint(scope, entry);
    if (hint === undefined) continue;
    const message = `nothing is in namespace ${JSON.stringify(entry)} that this could be for`;
    reportAt(scope, 'WEFT0101', object, field, message, hint, info);
  }
}

/** WEFT0127, an info: matches for clients that are not there. */
export function checkMatchedClients(scope: ReferenceScope, object: VirtualServiceObject): void {
  const { workloads } = scope;
  if (!workloads) return;
  for (const layer of ['http', 'tls', 'tcp'] as const) {
    for (const [rule, { match }] of object.spec[layer].entries()) {
      for (const [index, { sourceNamespace, sourceLabels }] of match.entries()) {
        const at = `spec.${layer}[${rule}].match[${index}]`;
        const hint = sourceNamespace === undefined ? undefined : namespaceHint(scope, sourceNamespace);
        if (hint !== undefined) {
          const message = `match is for clients in namespace ${JSON.stringify(sourceNamespace)}, where nobody is`;
          reportAt(scope, 'WEFT0127', object, `${at}.sourceNamespace`, message, hint, info);
          continue;
        }
        const there = sourceNamespace === undefined ? workloads : (workloadsIn(scope, sourceNamespace) ?? []);
        if (Object.keys(sourceLabels).length === 0 || having(there, sourceLabels).length > 0) continue;
        const labels = labelHint(sourceLabels, there);
        reportAt(scope, 'WEFT0127', object, `${at}.sourceLabels`, 'match is for no workload', labels, info);
      }
    }
  }
}
