import type { LogFormat } from './mesh-config.ts';
import type { Decided } from './provenance.ts';

/** How request paths are made equal before anything looks at them (D22, P47): dots, then repeated slashes, then encoded ones. */
export type PathNormalization = 'none' | 'dots' | 'dots-and-slashes' | 'dots-and-encoded-slashes';

/** Where a line for each request and connection is written. Absent format: the default one. */
export interface AccessLogDecision {
  readonly file: string;
  readonly encoding: 'text' | 'json';
  readonly format?: LogFormat;
}

/** What all listeners of the mesh have in common. */
export interface ListenerTerms {
  /** Ports that declare no protocol are looked at: then callers say of bytes that they are (P28). */
  readonly detection?: Decided<'auto'>;
  readonly pathNormalization: Decided<PathNormalization>;
  /** Undefined value: none (D28). */
  readonly accessLog: Decided<AccessLogDecision | undefined>;
}
