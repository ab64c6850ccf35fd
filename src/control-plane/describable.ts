import type { DescriptionRow, DescriptionSection } from '../model/description.ts';
import type { Diagnostic } from '../model/diagnostic.ts';
import type { Scope } from '../model/ir.ts';
import type { Mesh } from '../model/mesh.ts';
import type { Proxy } from '../model/proxy.ts';
import type { EdgeRow } from '../model/traffic.ts';
import type { FailingQuestions } from './failing-questions.ts';

/** All that descriptions are made of. */
export interface Describable {
  readonly mesh: Mesh;
  /** False: of files alone, which do not know who joined. */
  readonly live: boolean;
  /** Of the newest commit. */
  readonly diagnostics: readonly Diagnostic[];
  /** The proxy of a workload, where one is known or files describe it. */
  readonly proxyOf: (id: string) => Proxy | undefined;
  /** Of those who call. */
  readonly scopes: readonly Scope[];
  /** Calls of the last minutes; undefined where nothing counts them. */
  readonly edges?: readonly EdgeRow[];
  /** At this moment; absent: nothing is known of them. */
  readonly failing?: FailingQuestions;
  /** Epoch milliseconds; absent: of files alone. */
  readonly now?: number;
}

/** A section, unless there is nothing in it. */
export function section(name: string, rows: readonly DescriptionRow[]): readonly DescriptionSection[] {
  return rows.length === 0 ? [] : [{ name, rows }];
}

/** The findings about some objects, or at some files' lines that none of them owns. */
export function findingsOf(
  diagnostics: readonly Diagnostic[],
  refs: ReadonlySet<string>,
): readonly DescriptionSection[] {
  const rows = diagnostics
    .filter(({ object }) => object !== undefined && refs.has(`${object.kind}/${object.namespace}/${object.name}`))
    .map(({ code, severity, message, hint, at }) => ({
      text: `${severity} ${code} ${message}${hint === '' ? '' : `; ${hint}`}`,
      by: `${at.file}:${at.line}`,
    }));
  return section('findings', rows);
}
