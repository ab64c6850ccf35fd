import type { Policy } from '../model/policy.ts';
import type { DiagnosticCode } from './diagnostic-codes.ts';
import type { ReportDetails } from './report.ts';
import type { Infer, Shape, Tier } from './shape.ts';

/** What the meaning checks of one object may ask and say. Fields are paths (`spec.http[0].timeout`); their places are looked up. */
export interface LowerContext {
  readonly name: string;
  readonly namespace: string;
  readonly rootNamespace: string;
  /** Labels of the object's metadata. */
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** What MeshConfig says of objects of this kind without exportTo (D19); empty: nothing, so `*`. */
  readonly exportTo: readonly string[];
  /** `part`: of the text of the field, an entry between commas, where only that is meant. */
  report(
    code: DiagnosticCode,
    field: string,
    message: string,
    hint: string,
    details?: ReportDetails & { readonly part?: string },
  ): void;
  /** WEFT0004 for a value (`what`) of a field, perhaps with the reason and what is safe instead of it. No annotation allows it: without it the object would mean something else. */
  refuse(field: string, tier: Tier, what: string, more?: { readonly reason?: string; readonly hint?: string }): void;
  /** Gives `field` (where the model holds a value) the place of `written` (where the text has it). */
  place(field: string, written: string): void;
  /** The line of a field, for related places. */
  lineOf(field: string): number;
  readonly file: string;
}

/** One accepted kind, as data plus the way from its checked text to its model. */
export interface KindDefinition {
  readonly kind: string;
  /** Every apiVersion it may be written with, newest first. */
  readonly apiVersions: readonly string[];
  /** The shape of `spec` (or of the whole body where `body` says so). */
  readonly spec: Shape;
  /** WEFT0004 is never allowed by annotation: a dropped condition could widen access. */
  readonly security: boolean;
  /** Set: the whole kind is refused. */
  readonly tier?: Tier;
  /** What is to be done about a refused object, where it is more than to remove it. */
  readonly hint?: string;
  /** Set: it is read and checked, and acts on nothing; why. */
  readonly ignored?: string;
  /** Lives in the root namespace only (WEFT0012). */
  readonly rootOnly?: boolean;
  /** `spec` (the default) or the document itself, whose other fields stand beside apiVersion, kind and metadata. */
  readonly body?: 'spec' | 'document';
  /** Checks of meaning, and the typed spec. */
  readonly lower?: (value: unknown, context: LowerContext) => Policy['spec'];
}

/** A kind that is served. */
export function supportedKind<const S extends Shape, P extends Policy>(definition: {
  readonly kind: P['kind'];
  readonly apiVersions: readonly string[];
  readonly spec: S;
  readonly security?: boolean;
  readonly lower: (value: Infer<S>, context: LowerContext) => P['spec'];
}): KindDefinition {
  const { kind, apiVersions, spec, security = false, lower } = definition;
  // The value was read by this very shape, so it has the shape's type.
  return { kind, apiVersions, spec, security, lower: (value, context) => lower(value as Infer<S>, context) };
}

/** A kind of Istio, Kubernetes or Weft that is refused by name, with the names its spec may hold. */
export function refusedKind(
  kind: string,
  apiVersions: readonly string[],
  tier: Tier,
  spec: Shape,
  options: { security?: boolean; rootOnly?: boolean; body?: 'spec' | 'document'; hint?: string } = {},
): KindDefinition {
  return { kind, apiVersions, spec, security: false, tier, rootOnly: false, body: 'spec', ...options };
}

/** `networking.istio.io` in all versions that share one schema. */
export const networking = [
  'networking.istio.io/v1',
  'networking.istio.io/v1beta1',
  'networking.istio.io/v1alpha3',
] as const;
export const securityVersions = ['security.istio.io/v1', 'security.istio.io/v1beta1'] as const;
