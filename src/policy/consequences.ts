import type { Diagnostic } from '../model/diagnostic.ts';

/** What objects of a kind provide to others: if one of them cannot be read, these findings about others may only follow from that. */
const follows: Readonly<Record<string, readonly string[]>> = {
  Service: ['WEFT0101', 'WEFT0102', 'WEFT0112', 'WEFT0113', 'WEFT0136', 'WEFT0174', 'WEFT0205'],
  ServiceEntry: ['WEFT0101', 'WEFT0102', 'WEFT0112', 'WEFT0113', 'WEFT0136', 'WEFT0174', 'WEFT0205'],
  WorkloadEntry: ['WEFT0101', 'WEFT0127', 'WEFT0152', 'WEFT0175', 'WEFT0205'],
  WorkloadGroup: ['WEFT0101', 'WEFT0127', 'WEFT0152', 'WEFT0175', 'WEFT0205'],
  VirtualService: ['WEFT0167'],
  DestinationRule: ['WEFT0173'],
  AuthorizationPolicy: ['WEFT0160'],
  Sidecar: ['WEFT0114', 'WEFT0185'],
  PeerAuthentication: ['WEFT0154', 'WEFT0301'],
  RequestAuthentication: ['WEFT0161'],
};
const anyOf: readonly string[] = [...new Set(Object.values(follows).flat())];

interface Unread {
  readonly codes: readonly string[];
  /** Undefined: not known. */
  readonly namespace?: string | undefined;
  /** Of a Service: who does not speak of it is not concerned. */
  readonly name?: string;
}

/**
 * The findings between objects that stand on their own, whatever the objects that did not pass the stage before would have said
 * (section 8: each stage on all that passed the one before). `namespaceOf`: in which namespace the objects of a file are.
 */
export function withoutConsequences(
  findings: readonly Diagnostic[],
  failed: readonly Diagnostic[],
  namespaceOf: (finding: Diagnostic) => string | undefined,
): readonly Diagnostic[] {
  const errors = failed.filter(({ severity }) => severity === 'error');
  if (errors.length === 0) return findings;
  // Of everything that is said between objects, some was decided by what MeshConfig says.
  if (errors.some(({ object }) => object?.kind === 'MeshConfig')) return [];
  const unread = errors.map((finding) => unreadBy(finding, namespaceOf(finding)));
  return findings.filter((finding) => !unread.some((one) => mayFollow(finding, one)));
}

function unreadBy({ object }: Diagnostic, namespace: string | undefined): Unread {
  if (object === undefined) return { codes: anyOf, namespace };
  const codes = follows[object.kind] ?? [];
  return object.kind === 'Service' ? { codes, namespace, name: object.name } : { codes, namespace };
}

function mayFollow({ code, message, object }: Diagnostic, { codes, namespace, name }: Unread): boolean {
  if (!codes.includes(code)) return false;
  if (name !== undefined && !message.includes(name)) return false;
  if (namespace === undefined || object === undefined || object.namespace === namespace) return true;
  // What an object of one namespace names is decided by those of its clients, too (P20).
  if (message.includes(' clients in ') && message.includes(namespace)) return true;
  // Another namespace is meant by a full name of a service there, or by the host of a ServiceEntry, which says nothing of whose it is.
  return message.includes('.') && (!message.includes('.svc.') || message.includes(`.${namespace}.svc`));
}
