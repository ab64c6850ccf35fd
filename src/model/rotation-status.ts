/** What a person asks of a change of root (X118, F9). */
export const rotationSteps = ['prepare', 'activate', 'finish', 'abort'] as const;

export type RotationStep = (typeof rotationSteps)[number];

/** A root that is trusted at present. Times are ISO. */
export interface RootStatus {
  /** SHA-256 of its DER, lower-case hex. */
  readonly fingerprint: string;
  readonly trustDomain: string;
  readonly notBefore: string;
  readonly notAfter: string;
  /** `made` by this authority, or `imported` from files. */
  readonly source: 'made' | 'imported';
  /** Whether new certificates are signed under it. */
  readonly signs: boolean;
}

/** A live proxy that has not shown yet what the next step asks for, and why. */
export interface PendingProxy {
  /** `<name>.<namespace>` */
  readonly proxy: string;
  readonly reason: string;
}

/** How far a change of root has come (`weft cert rotate`, `/debug/certz`). */
export interface RotationStatus {
  /** Counts changes of what is trusted and what signs. */
  readonly generation: number;
  readonly phase: 'steady' | 'prepared' | 'activated' | 'returning';
  /** The longest trusted first. */
  readonly roots: readonly RootStatus[];
  readonly begun?: { readonly at: string; readonly by: string };
  /** Of a compromised root: when it goes on by itself, whoever has not acknowledged. */
  readonly deadlines?: { readonly activate: string; readonly finish: string };
  /** The step that comes next, and what is proved for it; absent while nothing is under way. */
  readonly next?: 'activate' | 'finish';
  /** Live proxies, those among them that the registry awaits after a restart. */
  readonly proxies: number;
  /** How many of them have shown what the next step asks for; all of them while nothing is under way. */
  readonly acked: number;
  readonly pending: readonly PendingProxy[];
  /**
   * After the last step: live proxies that have not acknowledged yet that the former root went. They trust it, too, until they do.
   * If it went with proof none of their calls fails by that. Absent: nobody.
   */
  readonly behind?: readonly PendingProxy[];
}
