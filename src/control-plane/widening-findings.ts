import type { Diagnostic } from '../model/diagnostic.ts';
import { sameItems } from '../model/keep-items.ts';
import type { MeshSettings } from '../model/mesh.ts';
import type { Policy, PolicySet } from '../model/policy.ts';
import { provenance, refOf } from '../model/policy-provenance.ts';
import { refText, type SourceRange } from '../model/provenance.ts';
import type { Steps } from '../model/steps.ts';
import type { Workload } from '../model/workload.ts';
import { severityOf } from '../policy/diagnostic-codes.ts';
import { widensAnnotation } from '../policy/read-metadata.ts';
import { anyWord, otherWord } from '../resolve/call-dimension.ts';
import { meshDefaults } from '../resolve/mesh-defaults.ts';
import { keyOf, type Opening, openings } from '../resolve/widening.ts';

/** So many of those who may call are named. */
const mostNamed = 3;

/** WEFT0171 (T14) of policies beside those that are served; a second question about the same costs nothing. */
export function createWideningCheck(
  settings: MeshSettings,
): (before: PolicySet, after: PolicySet, workloads: readonly Workload[]) => Steps<readonly Diagnostic[]> {
  let known: { readonly of: readonly (readonly object[])[]; readonly found: readonly Diagnostic[] } | undefined;
  return function* (before, after, workloads) {
    const of = [before.objects, after.objects, workloads];
    if (known?.of.every((list, index) => sameItems(list, of[index] ?? [])) === true) return known.found;
    const found = wideningFindings(before, after, settings, yield* openings(before, after, settings, workloads));
    known = { of, found };
    return found;
  };
}

/** What no mark of this change allows, by what makes it so and where it opens. */
function wideningFindings(
  before: PolicySet,
  after: PolicySet,
  settings: MeshSettings,
  found: readonly Opening[],
): readonly Diagnostic[] {
  if (found.length === 0) return [];
  const { rootNamespace } = meshDefaults({ policies: after, settings });
  const marked = new Set(newMarks(before, after).map(({ namespace }) => namespace));
  if (marked.has(rootNamespace)) return [];
  const groups = new Map<string, Opening[]>();
  for (const opening of found) {
    if (marked.has(opening.namespace)) continue;
    const key = `${opening.namespace} ${keyOf(opening.by)}`;
    groups.set(key, [...(groups.get(key) ?? []), opening]);
  }
  return [...groups.values()].flatMap((of) => {
    const [first] = of;
    return first === undefined ? [] : [finding(first, of, before, after, rootNamespace)];
  });
}

/** Objects whose annotation says why something opens, and did not say it before: what it said then was about another change. */
function newMarks(before: PolicySet, after: PolicySet): readonly Policy[] {
  const old = new Map(before.objects.map((object) => [refText(object), object.annotations[widensAnnotation]]));
  return after.objects.filter((object) => {
    const reason = object.annotations[widensAnnotation];
    return reason !== undefined && reason.trim() !== '' && reason !== old.get(refText(object));
  });
}

function finding(
  { by, namespace, isRoute }: Opening,
  of: readonly Opening[],
  before: PolicySet,
  after: PolicySet,
  rootNamespace: string,
): Diagnostic {
  const object = refOf(by.object);
  const all = [...new Set(of.map(openingText))];
  const more = all.length > mostNamed ? ' and more' : '';
  const who = `${all.slice(0, mostNamed).join(', ')}${more}`;
  const gone = by.kind === 'gone' ? `${refText(object)} is gone, which ` : '';
  const what = isRoute ? `leads calls to a host of another namespace elsewhere: ${who}` : `widens who may call: ${who}`;
  const at = by.kind === 'field' ? provenance(by.object, by.field) : undefined;
  const names = [...new Set([namespace, rootNamespace])].join(' or ');
  const former = after.objects.find(
    (each) => each.namespace === namespace && each.annotations[widensAnnotation] !== undefined,
  );
  const isOld = former !== undefined && !newMarks(before, after).includes(former);
  const note = isOld ? `; that of ${refText(former)} is of an earlier commit` : '';
  return {
    code: 'WEFT0171',
    severity: severityOf('WEFT0171'),
    message: `${gone}${what}`,
    hint: `if it is meant, say why in the same commit, on an object of namespace ${names}: annotation ${widensAnnotation}: "REASON"${note}`,
    at: at?.at ?? markPlace(after, [namespace, rootNamespace]) ?? { ...by.object.at, ...firstLine },
    object,
    ...(at && { field: at.field }),
  };
}

const firstLine = { line: 1, column: 1, endLine: 1, endColumn: 1 };

/** Where the mark may be written. */
function markPlace({ objects }: PolicySet, namespaces: readonly string[]): SourceRange | undefined {
  for (const namespace of namespaces) {
    const object = objects.find((each) => each.namespace === namespace && each.kind !== 'MeshConfig');
    if (object !== undefined) return provenance(object, 'metadata').at;
  }
  return undefined;
}

/** `cluster.local/ns/shop/sa/frontend → reviews.shop, GET /a* where header x-user is ann` */
function openingText({ destination, call, http, isRoute }: Opening): string {
  if (isRoute) return destination;
  if (call === undefined) return `unknown callers → ${destination} (more conditions than can be compared)`;
  const { principal: _principal, method, path, ...rest } = Object.fromEntries(call);
  const written = [method ?? (http ? 'any method' : 'TCP'), ...(path === undefined ? [] : [path])];
  const others = Object.entries(rest).filter(([name, value]) => name !== 'token audience' || value !== anyWord);
  const where = others.map(([name, value]) =>
    value === null ? `there is no ${name}` : `${name} is ${starred(value)}`,
  );
  const operation = written.map((text) => starred(text ?? '')).join(' ');
  return `${callerText(call)} → ${destination}, ${operation}${where.length === 0 ? '' : ` where ${where.join(' and ')}`}`;
}

function callerText(call: NonNullable<Opening['call']>): string {
  const principal = call.get('principal');
  if (principal === undefined) return 'everybody';
  if (principal === null) return 'whoever calls in plaintext';
  const text = starred(principal);
  return text.endsWith('/ns/*/sa/*') ? 'any identity' : text;
}

/** What may be anything is written as a star. */
function starred(text: string): string {
  return text.replaceAll(anyWord, '*').replaceAll(otherWord, '*');
}
