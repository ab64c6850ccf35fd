import type { Severity } from '../model/diagnostic.ts';

/** One page of `weft explain CODE`. Codes are stable and never reused (section 8 of policy-surface.md). */
export interface CodePage {
  readonly severity: Severity;
  readonly title: string;
  readonly cause: string;
  readonly fix: string;
  /** `references`: found only by checkReferences, so its silencers are judged there. */
  readonly stage: 'text' | 'references' | 'operation';
}

function page(severity: Severity, stage: CodePage['stage'], title: string, cause: string, fix: string): CodePage {
  return { severity, stage, title, cause, fix };
}

/** Every code that `policy` emits. */
export const diagnosticCodes = {
  WEFT0001: page(
    'error',
    'text',
    'YAML syntax',
    'The file is not YAML (or JSON) that Weft reads: core schema, text keys, no tags of its own. Nothing of the file is used.',
    'Mend the marked place.',
  ),
  WEFT0002: page(
    'error',
    'text',
    'Unknown field or wrong value',
    'A field that no version of this kind has, or a value outside what the field accepts. Unknown fields are never skipped: a misspelled rule would silently do nothing.',
    'Take the suggested name, or a value as described.',
  ),
  WEFT0003: page(
    'error',
    'text',
    'Unknown kind',
    'No accepted kind has this apiVersion and kind.',
    'Write one of the accepted kinds; the hint names the nearest.',
  ),
  WEFT0004: page(
    'error',
    'text',
    'Valid in Istio, not supported by Weft',
    'The field (or kind, or value) exists in Istio or Kubernetes, but this version of Weft cannot do what it says, and does not pretend to.',
    'Remove it; or, except in security kinds, name its path in the annotation weft.dev/allow-unsupported to serve the object without it.',
  ),
  WEFT0005: page(
    'warning',
    'text',
    'Deprecated',
    'The field or value is deprecated in Istio. Weft reads it as its successor.',
    'Write the successor.',
  ),
  WEFT0006: page(
    'error',
    'text',
    'Key appears twice',
    'YAML allows a key once in a map; which of the two was meant cannot be known.',
    'Keep one.',
  ),
  WEFT0007: page(
    'error',
    'text',
    'File was refused',
    'A link, a submodule, or a file beyond the limits: 1 MiB, 10,000 nodes, nesting of 32, 10 aliases.',
    'Replace the link by the file, or split the file.',
  ),
  WEFT0008: page(
    'info',
    'text',
    'Server-written field skipped',
    'A Kubernetes API server wrote this field; an exported object may keep it, it has no meaning here.',
    'Delete it.',
  ),
  WEFT0009: page(
    'warning',
    'text',
    'Silencer without effect',
    'A "weft-ignore" comment or a path in weft.dev/allow-unsupported covers no finding, gives no reason, or names a code that cannot be silenced. Errors cannot.',
    'Remove it, or write "# weft-ignore CODE: reason" above the line it is about.',
  ),
  WEFT0010: page(
    'error',
    'text',
    'Namespace differs from its folder',
    'The first-level folder of the policy tree is the namespace, so owning a folder is owning a namespace; the object states another.',
    'Move the file, or set policy.folders: free.',
  ),
  WEFT0011: page(
    'error',
    'text',
    'Defined twice',
    'Kind, namespace and name together are unique in the tree.',
    'Rename or remove one.',
  ),
  WEFT0012: page(
    'error',
    'text',
    'Belongs in the root namespace',
    'This kind acts on the whole mesh and must live in the root namespace.',
    'Move it.',
  ),
  WEFT0101: page(
    'error',
    'references',
    'Host refers to nothing',
    'No service has this name. Istio would serve 503 for it; Weft says so before serving. A warning where the registry is not known (offline), and for the hosts of a VirtualService.',
    'Correct the name, or declare the Service or ServiceEntry.',
  ),
  WEFT0102: page(
    'error',
    'references',
    'Name with a dot is not completed',
    'A host with a dot is taken as a full name, so "reviews.shop" is not the Service reviews of namespace shop.',
    'Write the short name, or the full one with .svc and the suffix.',
  ),
  WEFT0109: page(
    'error',
    'references',
    'Two VirtualServices for one host',
    'For some clients two VirtualServices with the same visibility route one host, and no rule says which of them holds.',
    'Merge them, or limit exportTo.',
  ),
  WEFT0112: page(
    'error',
    'references',
    'Destination port is not clear',
    'The destination has several ports, names none of them, and the called port is not one of them.',
    'Add port.number.',
  ),
  WEFT0113: page(
    'error',
    'references',
    'No such port',
    'The host exists but has no port with this number. Policies name service ports, not workload ports.',
    'Write one of its ports.',
  ),
  WEFT0118: page(
    'info',
    'text',
    'Port without protocol',
    'The protocol of a port is declared by appProtocol or by its name; else it is plain TCP: no HTTP routing, retries or HTTP rules.',
    'Set appProtocol, or name the port http-..., grpc-... and so on.',
  ),
  WEFT0119: page(
    'error',
    'text',
    'Protocol not supported',
    'The mesh carries TCP, TLS and the HTTP family.',
    'Use one of them (tcp always works for a TCP protocol), or leave the port out.',
  ),
  WEFT0127: page(
    'warning',
    'references',
    'Selector matches no workload',
    'All labels of a selector must be equal on a workload of the namespace; none has them now.',
    'Compare the labels; the hint names the nearest.',
  ),
  WEFT0130: page(
    'warning',
    'text',
    'Rule is never reached',
    'HTTP rules are tried in order and an earlier one already matches every request.',
    'Put the general rule last.',
  ),
  WEFT0131: page(
    'info',
    'text',
    'Match repeats another',
    'An earlier rule has the same match, so this one adds nothing.',
    'Remove it.',
  ),
  WEFT0134: page(
    'warning',
    'text',
    'Weight is missing',
    'Several destinations share a route; one without a weight counts as 0 and gets no requests.',
    'Write the weight.',
  ),
  WEFT0136: page(
    'error',
    'references',
    'Rules meet no port',
    'HTTP rules act on ports of the HTTP family only; the host has none (at the matched port).',
    'Declare the protocol of the port, or remove the rules.',
  ),
  WEFT0137: page('error', 'text', 'Fields exclude each other', 'Only one of these fields can hold.', 'Keep one.'),
  WEFT0138: page(
    'warning',
    'text',
    'Prefix and rewrite differ in their last slash',
    'A prefix is replaced textually: "/api" rewritten to "/" makes "/api/x" into "//x".',
    'End both with "/" or neither.',
  ),
  WEFT0139: page(
    'info',
    'text',
    'No rule for other requests',
    'Every HTTP rule has a condition; requests that meet none get 404.',
    'Add a last rule without match.',
  ),
  WEFT0152: page(
    'warning',
    'references',
    'Principal is nobody',
    'No known workload has this service account, so the rule cannot match now.',
    'Correct the name, or wait until the workload joins.',
  ),
  WEFT0153: page(
    'warning',
    'references',
    'HTTP condition on a TCP port',
    'A TCP port has no hosts, methods, paths or headers. An ALLOW rule with such a condition allows nothing there; in a DENY rule only the condition is dropped, so it denies more.',
    'Name the HTTP ports in the rule, or declare the protocol of the port.',
  ),
  WEFT0154: page(
    'warning',
    'references',
    'Identity used where plaintext is accepted',
    'A plaintext caller has no identity: it never matches principals or namespaces, and always matches their negations.',
    'Set STRICT for the workload.',
  ),
  WEFT0156: page(
    'error',
    'text',
    'Field has no effect here',
    'portLevelMtls acts only with a selector, and a selector only in the namespace of its workloads, not in the root namespace.',
    'Add the selector, or move the object.',
  ),
  WEFT0157: page(
    'error',
    'text',
    'Policy without rules never matches',
    'A DENY policy without rules denies nothing.',
    'Write "rules: [{}]" to match every request.',
  ),
  WEFT0158: page(
    'error',
    'text',
    'Not a principal',
    'A principal is written <trust domain>/ns/<namespace>/sa/<service account>, without a scheme.',
    'Take the corrected value.',
  ),
  WEFT0173: page(
    'error',
    'references',
    'Subset is not defined',
    'The DestinationRule that applies to the host does not define this subset, or there is none.',
    'Define the subset, or correct its name.',
  ),
  WEFT0174: page(
    'warning',
    'references',
    'DestinationRule matches no service',
    'No service has this host, so the rule does nothing.',
    'Correct the name, or remove the rule.',
  ),
  WEFT0175: page(
    'warning',
    'references',
    'Subset selects no workload',
    'No workload of the service has all labels of the subset; requests sent to it get 503.',
    'Compare the labels.',
  ),
  WEFT0181: page(
    'error',
    'references',
    'DestinationRules overlap',
    'Rules of one host and namespace merge only if their order cannot matter: equal exportTo, different subsets, at most one trafficPolicy.',
    'Merge them into one.',
  ),
  WEFT0182: page(
    'error',
    'references',
    'Two PeerAuthentications for one scope',
    'Both set the mode of the same workloads. Found only once a workload joins, it is a warning and the strictest holds.',
    'Keep one.',
  ),
  WEFT0184: page(
    'error',
    'references',
    'One workload port, two protocols',
    'Two services give the same port of the same workload different protocols.',
    'Give both the same protocol.',
  ),
  WEFT0205: page(
    'warning',
    'references',
    'Service without workload',
    'No workload has the labels of the selector (or there is no selector), so requests to the service get 503.',
    'Compare selector and labels.',
  ),
  WEFT0960: page(
    'error',
    'operation',
    'Not a git repository',
    'The folder is not inside a git repository with at least one commit, or git is not installed.',
    'Run git init and commit the policies.',
  ),
  WEFT0961: page(
    'error',
    'operation',
    'Unknown revision',
    'Git knows no commit by this name.',
    'See git log for what exists.',
  ),
  WEFT0962: page(
    'error',
    'operation',
    'No policy folder',
    'The commit (or the working tree) has no folder of policies at the expected place.',
    'Create it, or state another one.',
  ),
} as const satisfies Readonly<Record<string, CodePage>>;

export type DiagnosticCode = keyof typeof diagnosticCodes;

export function severityOf(code: DiagnosticCode): Severity {
  return diagnosticCodes[code].severity;
}

/** The page of a code, or undefined for a code that policy does not emit. */
export function codePage(code: string): CodePage | undefined {
  const pages: Readonly<Record<string, CodePage>> = diagnosticCodes;
  return Object.hasOwn(pages, code) ? pages[code] : undefined;
}
