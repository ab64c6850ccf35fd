import type { DescribedKind, Description } from '../model/description.ts';

/** A field of what a proxy holds that a policy decided. */
export interface ProvenanceItem {
  readonly resource: string;
  /** The part of the resource that has the field, a route or a filter chain, by its name. */
  readonly part?: string;
  /** As the resource calls it, `timeout`. */
  readonly field: string;
  /** `VirtualService/shop/reviews[canary]` */
  readonly ref: string;
  /** Where it stands in the revision that the proxy holds; absent: nobody knows that object any more. */
  readonly path?: string;
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
  /** The commit that brought the object as it was then. */
  readonly commit?: string;
  /** What became of the object since. */
  readonly now?: 'same' | 'changed' | 'removed';
}

/** What a proxy may call. */
export interface VisibilityReport {
  /** `<name>.<namespace>` */
  readonly proxy: string;
  /** Of the view that it shares. */
  readonly scope: string;
  /** What a Sidecar limits the services to, as it is written; absent: all that are exported to its namespace. */
  readonly imports?: { readonly value: readonly string[]; readonly by: string; readonly ref: string };
  /** What becomes of hosts that no service has, and who says so. */
  readonly unknownHosts: { readonly value: 'pass' | 'refuse'; readonly by: string };
  readonly services: readonly {
    readonly host: string;
    readonly namespace: string;
    readonly ports: readonly number[];
    /** Where it is declared; absent: nowhere. */
    readonly from?: string;
  }[];
}

/** What policies make of proxies, services and workloads, as values of this moment. Secrets are no part of any of it. */
export interface PolicyWindows {
  /** Who decided the fields of what a proxy (`<name>.<namespace>`) holds; undefined if no such proxy is known. */
  provenance(proxyId: string): readonly ProvenanceItem[] | undefined;
  /** What a proxy must do, every decision with the line that made it; undefined if no such proxy is known. */
  proxyIr(proxyId: string): object | undefined;
  /** The part of it that the proxies of a scope share, by the key of the scope; undefined if nobody has that. */
  scopeIr(scope: string): object | undefined;
  /** Keys of the scopes of connected proxies, sorted. */
  scopes(): readonly string[];
  /** Sorted by namespace and name. */
  visibility(): readonly VisibilityReport[];
  /** All that is known of one object; throws Failure WEFT0920 with the nearest name, or WEFT0901 before there is a mesh. */
  describe(kind: DescribedKind, name: string, namespace: string | undefined): Description;
}
