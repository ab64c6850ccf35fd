import type { JsonValue } from '@bufbuild/protobuf';
import type { Mesh } from '../model/mesh.ts';
import type { Policy } from '../model/policy.ts';
import { refText } from '../model/provenance.ts';
import type { PolicyPlace } from '../model/status.ts';
import { toEnvoyJson } from '../proto/canonical-json.ts';
import { decode } from '../proto/codec.ts';
import { schemaOf } from '../proto/registry.ts';
import { destinationOfCluster } from '../translate/names.ts';
import type { Resource } from '../xds/resource.ts';
import { secretType } from '../xds/resource-types.ts';

/** `VirtualService/shop/reviews`, perhaps with the rule: `[canary]`, `[0]` (section 4.2 of experience.md). */
const objectRule = /^([A-Z][A-Za-z]+\/[^/[\]]+\/[^/[\]]+)(?:\[(.*)\])?$/;
/** The id of an RBAC rule. */
const authorizationRule = /^ns\[([^\]]+)\]-policy\[([^\]]+)\]-rule\[(\d+)\]$/;

/**
 * The line that most likely led to what a resource says now: of the objects that the resource names, and of the service that it is named
 * after, the one that changed last. `commits`: newest first. Undefined where several changed together, or none is named.
 */
export function policyPlace(resource: Resource, mesh: Mesh, commits: readonly string[]): PolicyPlace | undefined {
  if (resource.typeUrl === secretType) return undefined;
  const places = new Map<string, PolicyPlace>();
  const byRef = new Map(mesh.policies.objects.map((object) => [refText(object), object]));
  const rules = new Map<string, Set<string>>();
  for (const text of textsOf(resource)) {
    const [ref, rule] = named(text);
    if (ref === undefined || !byRef.has(ref)) continue;
    const ofRef = rules.get(ref) ?? new Set<string>();
    rules.set(ref, rule === undefined ? ofRef : ofRef.add(rule));
  }
  for (const [ref, ofObject] of rules) {
    const object = byRef.get(ref);
    // Of several rules nobody knows which one: then the object is named.
    const [rule, ...others] = ofObject;
    if (object !== undefined) places.set(ref, placeOf(object, ref, others.length > 0 ? undefined : rule));
  }
  const destination = destinationOfCluster(resource.name);
  const service = mesh.services.find(
    ({ namespace, name }) => namespace === destination?.namespace && name === destination.service,
  );
  if (service?.by !== undefined) {
    const { object, at, commit } = service.by;
    places.set(refText(object), { ref: refText(object), file: at.file, line: at.line, column: at.column, commit });
  }
  const age = ({ commit }: PolicyPlace) => {
    const index = commits.indexOf(commit);
    return index < 0 ? commits.length : index;
  };
  const newest = Math.min(...Array.from(places.values(), age));
  const [place, ...more] = [...places.values()].filter((candidate) => age(candidate) === newest);
  return more.length === 0 ? place : undefined;
}

function named(text: string): readonly [ref: string | undefined, rule: string | undefined] {
  const [, ref, rule] = objectRule.exec(text) ?? [];
  if (ref !== undefined) return [ref, rule];
  const [, namespace, name, index] = authorizationRule.exec(text) ?? [];
  return namespace === undefined ? [undefined, undefined] : [`AuthorizationPolicy/${namespace}/${name}`, index];
}

function placeOf(object: Policy, ref: string, rule: string | undefined): PolicyPlace {
  const { file, line, column } = (rule === undefined ? undefined : rulePlace(object, rule)) ?? object.at;
  return { ref, file, line, column, commit: object.commit };
}

function rulePlace(object: Policy, rule: string): { file: string; line: number; column: number } | undefined {
  if (object.kind === 'AuthorizationPolicy') return object.positions.get(`spec.rules[${rule}]`);
  if (object.kind !== 'VirtualService') return undefined;
  const byName = object.spec.http.findIndex(({ name }) => name === rule);
  return object.positions.get(`spec.http[${byName >= 0 ? byName : rule}]`);
}

/** Every text in a resource, keys included. */
function textsOf({ typeUrl, value }: Resource): readonly string[] {
  const schema = schemaOf(typeUrl);
  if (schema === undefined) return [];
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
  walk(toEnvoyJson(decode(schema, value)));
  return texts;
}
