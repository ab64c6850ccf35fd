import type { ProxyIR } from './ir.ts';
import { decidedByText, refText } from './provenance.ts';

/** The decisions for a proxy as plain values; who decided reads `Kind/namespace/name field file:line`, or `default:D5`. */
export function readableIr({ inbound, view }: ProxyIR): { readonly inbound: unknown; readonly view: unknown } {
  return { inbound: readable(inbound), view: readable(view) };
}

/** Any part of an IR, with one text in the place of each provenance. */
export function readable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(readable);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => [key, key === 'by' ? whoDecided(part) : readable(part)]),
  );
}

function whoDecided(by: Parameters<typeof decidedByText>[0]): string {
  return 'default' in by ? decidedByText(by) : `${refText(by.object)} ${by.field} ${decidedByText(by)}`;
}
