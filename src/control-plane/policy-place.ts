import type { JsonValue } from '@bufbuild/protobuf';
import type { Mesh } from '../model/mesh.ts';
import type { Policy } from '../model/policy.ts';
import { refText } from '../model/provenance.ts';
import { placeOfPath, rulePath } from '../model/provenance-fields.ts';
import type { PolicyPlace } from '../model/status.ts';
import { toEnvoyJson } from '../proto/canonical-json.ts';
import { decode } from '../proto/codec.ts';
import { schemaOf } from '../proto/registry.ts';
import { destinationOfCluster } from '../translate/names.ts';
import type { Resource } from '../xds/resource.ts';
import { secretType } from '../xds/resource-types.ts';
import { fileField } from './file-places.ts';
import { referenceOf } from './provenance-report.ts';

/** The id of an RBAC rule. */
const authorizationRule = /^ns\[([^\]]+)\]-policy\[([^\]]+)\]-rule\[(\d+)\]$/;

/**
 * The line that most likely led to what a resource says now: of the objects that the resource names, and of the service that it is named
 * after, the one that changed last. `commits`: newest first; `good`: what was accepted of the resource before, so that a rule which is in
 * it as it was accuses nobody; `before`: what an object said before, so that of an object that is not new the very field is named that
 * changed. Undefined where several objects changed together, or none is named.
 */
export function policyPlace(
  resource: Resource,
  mesh: Mesh,
  commits: readonly string[],
  good?: Resource,
  before: (object: Policy) => Policy | undefined = () => undefined,
): PolicyPlace | undefined {
  const ofFiles = resource.typeUrl === secretType ? filePlaces(resource, mesh.policies.objects) : undefined;
  const places = ofFiles ?? namedPlaces(resource, mesh, good, before);
  const age = ({ commit }: PolicyPlace) => {
    const index = commits.indexOf(commit);
    return index < 0 ? commits.length : index;
  };
  const newest = Math.min(...Array.from(places.values(), age));
  const [place, ...more] = [...places.values()].filter((candidate) => age(candidate) === newest);
  return more.length === 0 ? place : undefined;
}

/** By the files that a secret lies in: nothing else of it names anybody, and what a secret holds is looked at by nobody. */
function filePlaces(resource: Resource, objects: readonly Policy[]): ReadonlyMap<string, PolicyPlace> {
  const files = new Set(filesOf(jsonOf(resource)));
  return new Map(
    objects.flatMap((object) => {
      const path = files.size === 0 ? undefined : fileField(object, files);
      if (path === undefined) return [];
      const ref = refText(object);
      return [[ref, placeAt(object, ref, path)] as const];
    }),
  );
}

/** The files that any part of this names. */
function filesOf(json: JsonValue): readonly string[] {
  if (typeof json !== 'object' || json === null) return [];
  if (Array.isArray(json)) return json.flatMap(filesOf);
  return Object.entries(json).flatMap(([key, member]) =>
    key === 'filename' && typeof member === 'string' ? [member] : filesOf(member),
  );
}

/** By the objects that a resource names, and the service that it is named after. */
function namedPlaces(
  resource: Resource,
  mesh: Mesh,
  good: Resource | undefined,
  before: (object: Policy) => Policy | undefined,
): ReadonlyMap<string, PolicyPlace> {
  const places = new Map<string, PolicyPlace>();
  const byRef = new Map(mesh.policies.objects.map((object) => [refText(object), object]));
  const rules = new Map<string, Set<string>>();
  const json = jsonOf(resource);
  const accepted = good && jsonOf(good);
  const changed = accepted === undefined ? [] : differing(json, accepted);
  for (const text of textsOf(changed.length > 0 ? changed : [json])) {
    const [ref, rule] = named(text);
    if (ref === undefined || !byRef.has(ref)) continue;
    const ofRef = rules.get(ref) ?? new Set<string>();
    rules.set(ref, rule === undefined ? ofRef : ofRef.add(rule));
  }
  for (const [ref, ofObject] of rules) {
    const object = byRef.get(ref);
    // Of several rules nobody knows which one: then the object is named.
    const [rule, ...others] = ofObject;
    if (object !== undefined) places.set(ref, placeOf(object, ref, others.length > 0 ? undefined : rule, before));
  }
  const destination = destinationOfCluster(resource.name);
  const service = mesh.services.find(
    ({ namespace, name }) => namespace === destination?.namespace && name === destination.service,
  );
  if (service?.by !== undefined) {
    const { object, at, commit } = service.by;
    places.set(refText(object), { ref: refText(object), file: at.file, line: at.line, column: at.column, commit });
  }
  return places;
}

function named(text: string): readonly [ref: string | undefined, rule: string | undefined] {
  const reference = referenceOf(text);
  if (reference !== undefined) return [reference.ref, reference.rule];
  const [, namespace, name, index] = authorizationRule.exec(text) ?? [];
  return namespace === undefined ? [undefined, undefined] : [`AuthorizationPolicy/${namespace}/${name}`, index];
}

function placeOf(
  object: Policy,
  ref: string,
  rule: string | undefined,
  before: (object: Policy) => Policy | undefined,
): PolicyPlace {
  const path = rulePath(object, rule);
  const older = before(object);
  return placeAt(object, ref, (older && changedField(object, path, older, rulePath(older, rule))) ?? path);
}

function placeAt(object: Policy, ref: string, field: string | undefined): PolicyPlace {
  const { at } = placeOfPath(object, field ?? '');
  const { file, line, column } = at;
  return { ref, file, line, column, commit: object.commit, ...(field === undefined ? {} : { field }) };
}

/** The smallest part that holds all that an object, or a rule of it, says otherwise than before; undefined: nothing is known of that. */
function changedField(
  object: Policy,
  path: string | undefined,
  older: Policy,
  olderPath: string | undefined,
): string | undefined {
  if (path === undefined) return differs(object.spec, older.spec, 'spec');
  const before = olderPath === undefined ? undefined : valueAt(older, olderPath);
  return before === undefined ? undefined : differs(valueAt(object, path), before, path);
}

function valueAt(object: Policy, path: string): unknown {
  const keys = path.split(/[.[\]]+/).filter((key) => key !== '');
  return keys.reduce<unknown>((value, key) => memberOf(value, key), object);
}

function memberOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null
    ? new Map<string, unknown>(Object.entries(value)).get(key)
    : undefined;
}

function differs(now: unknown, before: unknown, path: string): string | undefined {
  if (JSON.stringify(now) === JSON.stringify(before)) return undefined;
  if (typeof now !== 'object' || now === null || typeof before !== 'object' || before === null) return path;
  if (Array.isArray(now) && Array.isArray(before) && now.length !== before.length) {
    // Items came or went: one that came is named.
    const known = new Set(before.map((item) => JSON.stringify(item)));
    const [came, ...others] = now.flatMap((item, index) => (known.has(JSON.stringify(item)) ? [] : [index]));
    return came === undefined || others.length > 0 ? path : `${path}[${came}]`;
  }
  const keys = new Set([...Object.keys(now), ...Object.keys(before)]);
  const parts = [...keys].flatMap((key) => {
    const inner = Array.isArray(now) ? `${path}[${key}]` : `${path}.${key}`;
    return differs(memberOf(now, key), memberOf(before, key), inner) ?? [];
  });
  const [only, ...more] = parts;
  return only === undefined || more.length > 0 ? path : only;
}

/** What a resource says; nothing where its type is unknown. */
function jsonOf({ typeUrl, value }: Resource): JsonValue {
  const schema = schemaOf(typeUrl);
  return schema === undefined ? null : toEnvoyJson(decode(schema, value));
}

/** Every text in these, keys included. */
function textsOf(parts: readonly JsonValue[]): readonly string[] {
  const texts: string[] = [];
  const walk = (json: JsonValue): void => {
    if (typeof json === 'string') texts.push(json);
    else if (Array.isArray(json)) json.forEach(walk);
    else if (typeof json === 'object' && json !== null)
      for (const [key, member] of Object.entries(json)) {
        texts.push(key);
        walk(member);
      }
  };
  parts.forEach(walk);
  return texts;
}

/** The rules that a part names. */
function rulesIn(part: JsonValue): ReadonlySet<string> {
  return new Set(textsOf([part]).filter((text) => named(text)[1] !== undefined));
}

/** The parts that name one rule each and say something else than before: of routes the rule itself, of RBAC its policy. */
function differing(now: JsonValue, before: JsonValue): readonly JsonValue[] {
  const known = new Set(partsOf(before).map((part) => JSON.stringify(part)));
  return partsOf(now).filter((part) => !known.has(JSON.stringify(part)));
}

/** The largest members of lists, and of maps by rule, that name one rule alone. */
function partsOf(json: JsonValue): readonly JsonValue[] {
  if (typeof json !== 'object' || json === null) return [];
  if (Array.isArray(json)) return json.flatMap((member) => (rulesIn(member).size === 1 ? [member] : partsOf(member)));
  return Object.entries(json).flatMap(([key, member]) =>
    named(key)[1] === undefined ? partsOf(member) : [{ [key]: member }],
  );
}
