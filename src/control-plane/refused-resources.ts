import type { PolicyPlace, RefusedResource, WithheldResource, XdsType } from '../model/status.ts';
import { xdsTypes } from '../model/status.ts';
import { generatedFault } from '../translate/generated-fault.ts';
import { agentOf } from '../xds/client-node.ts';
import type { QuarantineEntry } from '../xds/quarantine.ts';
import type { Resource } from '../xds/resource.ts';
import { lookup } from '../xds/snapshot.ts';
import type { StreamStatus, TypeStatus } from '../xds/status.ts';
import type { HeldInstead } from './config-dump.ts';
import { oneLine } from './one-line.ts';
import { ownTroubleFix } from './own-trouble.ts';
import { shortType } from './xds-types.ts';

/** What clients refused, and how to find what led to it. */
export interface Refusals {
  readonly entries: readonly QuarantineEntry[];
  /** The resource that proxies should have now (proxy-snapshots.ts). */
  readonly wanted: (scope: string, typeUrl: string, name: string) => Resource | undefined;
  readonly placeOf: (resource: Resource) => PolicyPlace | undefined;
}

/**
 * What a stream is not given although its view says so: content that its client or an equal one refused (X38). Looks only at names
 * under which its client holds something else, and costs nothing where nobody refused anything.
 */
export function withheldFrom(
  type: TypeStatus,
  node: string,
  { entries, placeOf }: Refusals,
): readonly WithheldResource[] {
  const ofType = entries.filter(({ typeUrl }) => typeUrl === type.typeUrl);
  if (ofType.length === 0) return [];
  const scopes = new Set([node, ...type.seen.map(({ scope }) => scope)]);
  return type.differing.flatMap(({ name, version, owed }) => {
    const resource = owed ? undefined : lookup(type.seen, type.typeUrl, name);
    const entry = ofType.find(
      (each) => each.name === name && each.version === resource?.version && scopes.has(each.scope),
    );
    if (resource === undefined || entry === undefined) return [];
    const source = placeOf(resource);
    return [
      {
        resource: name,
        version: resource.version,
        ...(version === undefined ? {} : { served: version }),
        refusedBy: entry.node,
        at: iso(entry.at),
        message: oneLine(entry.message),
        ...(source === undefined ? {} : { source }),
      },
    ];
  });
}

/**
 * The same, and what the stream refused for a cause of its client's own machine: that is remembered by no other stream, and this one is not
 * offered it again either.
 */
export function notOffered(type: TypeStatus, node: string, refusals: Refusals): readonly WithheldResource[] {
  const withheld = withheldFrom(type, node, refusals);
  const { error, differing, seen, typeUrl } = type;
  if (error === undefined) return withheld;
  const known = new Set(withheld.map(({ resource }) => resource));
  const own = error.names.flatMap((name): readonly WithheldResource[] => {
    const resource = lookup(seen, typeUrl, name);
    const instead = differing.find((other) => other.name === name);
    // While the culprit among several is looked for the others are to be offered again.
    if (resource === undefined || instead === undefined || instead.owed || known.has(name)) return [];
    const source = refusals.placeOf(resource);
    return [
      {
        resource: name,
        version: resource.version,
        ...(instead.version === undefined ? {} : { served: instead.version }),
        refusedBy: node,
        own: true,
        at: iso(error.at),
        message: oneLine(error.message),
        ...(source === undefined ? {} : { source }),
      },
    ];
  });
  return [...withheld, ...own];
}

/** What a stream holds in the place of a resource that its client, or an equal one, refused; undefined where nobody did. */
export function heldInstead(
  { types, node }: StreamStatus<unknown>,
  resource: Resource,
  refusals: Refusals,
): HeldInstead | undefined {
  const { typeUrl, name } = resource;
  const type = types.find((each) => each.typeUrl === typeUrl);
  const version = type?.versionOf(name);
  if (type === undefined || type.namesDiffering === 0 || version === resource.version) return undefined;
  const withheld = withheldFrom(type, node.id, refusals).find((each) => each.resource === name);
  const own = type.error?.names.includes(name) === true ? type.error : undefined;
  const good = refusals.entries.find((each) => each.typeUrl === typeUrl && each.name === name && each.good === version);
  const held = type.heldResource(name) ?? (version === undefined ? undefined : good?.goodForm);
  if (withheld !== undefined) return { held, version, message: withheld.message, at: withheld.at };
  return own && { held, version, message: oneLine(own.message), at: iso(own.at) };
}

/** All that is refused, newest first: what is withheld until it changes, and what single proxies cannot take for reasons of their own. */
export function refusedResources(
  streams: readonly StreamStatus<unknown>[],
  refusals: Refusals,
): readonly RefusedResource[] {
  const { entries } = refusals;
  const shared = entries.flatMap((entry) => fromQuarantine(entry, refusals));
  const known = new Set(entries.map(({ typeUrl, name, version }) => `${typeUrl} ${name} ${version}`));
  const own = streams.flatMap((stream) =>
    stream.types.flatMap((type) => fromStream(stream, type, refusals)).filter(({ key }) => !known.has(key)),
  );
  return [...shared, ...own.map(({ refused }) => refused)].sort((a, b) => (a.at > b.at ? -1 : a.at < b.at ? 1 : 0));
}

/** How many refused resources of each type are withheld now. */
export function withheldCounts({ entries, wanted }: Refusals): ReadonlyMap<XdsType, number> {
  const counts = new Map<XdsType, number>(xdsTypes.map((type) => [type, 0]));
  for (const { scope, typeUrl, name, version } of entries) {
    const type = shortType(typeUrl);
    if (type === undefined || wanted(scope, typeUrl, name)?.version !== version) continue;
    counts.set(type, (counts.get(type) ?? 0) + 1);
  }
  return counts;
}

function fromQuarantine(entry: QuarantineEntry, { wanted, placeOf }: Refusals): readonly RefusedResource[] {
  const { typeUrl, name, version, scope, agent, good, message, at, node, refusals, everywhere } = entry;
  const type = shortType(typeUrl);
  if (type === undefined) return [];
  const resource = wanted(scope, typeUrl, name);
  const isWanted = resource?.version === version;
  const source = isWanted ? placeOf(resource) : undefined;
  return [
    {
      type,
      resource: name,
      scope,
      agent,
      refusedVersion: version,
      ...(good === undefined ? {} : { servedVersion: good }),
      message: oneLine(message),
      at: iso(at),
      firstRefusedBy: node,
      refusals,
      withheldFrom: everywhere ? 'equals' : 'refusers',
      wanted: isWanted,
      ...(source === undefined ? {} : { source }),
      fix: fixOf(isWanted ? resource : undefined, everywhere, source, node, name),
    },
  ];
}

/** A proxy's own trouble, a port that is taken for example, is no fault of the content: it is kept from nobody else. */
function fromStream(
  { node }: StreamStatus<unknown>,
  { typeUrl, error, seen, differing }: TypeStatus,
  { placeOf }: Refusals,
): readonly { readonly key: string; readonly refused: RefusedResource }[] {
  const type = shortType(typeUrl);
  if (error === undefined || type === undefined) return [];
  return error.names.flatMap((name) => {
    const resource = lookup(seen, typeUrl, name);
    if (resource === undefined) return [];
    const source = placeOf(resource);
    const instead = differing.find((other) => other.name === name);
    // While the culprit among several is looked for the others are to be offered again.
    if (instead?.owed === true) return [];
    const served = instead?.version;
    const refused: RefusedResource = {
      type,
      resource: name,
      scope: node.id,
      agent: agentOf(node),
      refusedVersion: resource.version,
      ...(served === undefined ? {} : { servedVersion: served }),
      message: oneLine(error.message),
      at: iso(error.at),
      firstRefusedBy: node.id,
      refusals: 1,
      withheldFrom: 'refusers',
      wanted: true,
      ...(source === undefined ? {} : { source }),
      fix:
        ownTroubleFix(error.message, name, node.id) ??
        `remove the cause at ${node.id}, then weft nacks --release ${name}: it is offered again to a new stream`,
    };
    return [{ key: `${typeUrl} ${name} ${resource.version}`, refused }];
  });
}

function fixOf(
  resource: Resource | undefined,
  everywhere: boolean,
  source: PolicyPlace | undefined,
  node: string,
  name: string,
): string {
  if (resource === undefined) return 'nothing: the content has changed since';
  const fault = generatedFault(resource);
  if (fault !== undefined) return `report it (WEFT0601), and undo what led to it: ${fault.text}`;
  if (!everywhere)
    return `an equal Envoy takes it: look for what is different at ${node}, then weft nacks --release ${name}`;
  if (source === undefined) return 'change it by a commit, or undo the commit that brought it';
  return `change ${source.file}:${source.line}, or git revert ${source.commit}: other content is offered at once`;
}

function iso(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
