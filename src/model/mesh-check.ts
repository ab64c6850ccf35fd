/** One thing about the mesh that was looked at. */
export interface MeshCheck {
  readonly description: string;
  readonly result: 'good' | 'warning' | 'bad';
  /** What is wrong; absent where it is good. */
  readonly error?: string;
  /** What to do about it. */
  readonly hint?: string;
}

export const checkCategories = [
  'host',
  'envoy',
  'control-plane',
  'ca',
  'registry',
  'policies',
  'proxies',
  'clock',
] as const;

export interface MeshCheckCategory {
  readonly categoryName: (typeof checkCategories)[number];
  readonly checks: readonly MeshCheck[];
}

/** What `weft check` says without a pair (section 2.2 of experience.md). */
export interface MeshCheckResult {
  /** Nothing is bad. */
  readonly success: boolean;
  readonly categories: readonly MeshCheckCategory[];
}
