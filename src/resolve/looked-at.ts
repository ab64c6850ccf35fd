import { compareText } from '../model/compare-text.ts';
import type { DestinationRuleObject, SidecarObject, VirtualServiceObject } from '../model/policy.ts';
import { isVisible } from '../policy/hosts.ts';

/** Whose labels some policy looks at. */
export interface LabelReader {
  /** The object's namespace, and to whom it is visible (P6). */
  readonly owner: string;
  readonly exportTo: readonly string[];
  /** Only clients of this namespace; absent: of any. */
  readonly sourceNamespace?: string;
  readonly labels: readonly string[];
}

/** Where the rules of a VirtualService look at labels of the client (P10). */
export function labelReaders({ namespace, spec }: VirtualServiceObject): readonly LabelReader[] {
  const matches = [...spec.http, ...spec.tls, ...spec.tcp].flatMap(({ match }) => [...match]);
  return matches.flatMap(({ sourceLabels, sourceNamespace }) => {
    const labels = Object.keys(sourceLabels);
    if (labels.length === 0) return [];
    const reader = { owner: namespace, exportTo: spec.exportTo, labels };
    return [sourceNamespace === undefined ? reader : { ...reader, sourceNamespace }];
  });
}

/** Whether some match asks who calls: its namespace, or its labels (P10). */
export function looksAtClients({ spec }: VirtualServiceObject): boolean {
  return [...spec.http, ...spec.tls, ...spec.tcp].some(({ match }) =>
    [...match].some(
      ({ sourceLabels, sourceNamespace }) => sourceNamespace !== undefined || Object.keys(sourceLabels).length > 0,
    ),
  );
}

/** By which labels a DestinationRule or a Sidecar chooses its clients (P7, P21). */
export function selectorReader({ namespace, spec }: DestinationRuleObject | SidecarObject): readonly LabelReader[] {
  const labels = Object.keys(spec.workloadSelector ?? {});
  return labels.length === 0 ? [] : [{ owner: namespace, exportTo: ['.'], labels }];
}

/** The labels of clients of one namespace that some policy looks at, sorted: two clients that are equal in them are treated equally. */
export function labelsLookedAt(readers: readonly LabelReader[], client: string): readonly string[] {
  const acting = readers.filter(
    ({ owner, exportTo, sourceNamespace = client }) => sourceNamespace === client && isVisible(exportTo, owner, client),
  );
  return [...new Set(acting.flatMap(({ labels }) => labels))].sort(compareText);
}
