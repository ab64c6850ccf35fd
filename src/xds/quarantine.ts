import type { Layer, LayerId } from './layer.ts';
import { isLocalFault } from './nack.ts';
import type { Resource } from './resource.ts';
import type { Quarantined } from './respond.ts';
import { lookup } from './snapshot.ts';

/** A stream as far as refusals are shared with others: its node, the software that runs there, and what it sees. */
export interface Refuser {
  readonly node: string;
  /** Name and version of the client: another version may accept what this one refused. */
  readonly agent: string;
  readonly layers: readonly Layer[];
}

/** Content that is not offered again until it changes (X38, X44). Times: epoch milliseconds. */
export interface QuarantineEntry {
  /** The layer's scope, or the node where the layer is of one proxy alone. */
  readonly scope: string;
  readonly agent: string;
  readonly typeUrl: string;
  readonly name: string;
  readonly version: string;
  readonly message: string;
  readonly at: number;
  /** The first node that refused it. */
  readonly node: string;
  /** How many nodes refused it. */
  readonly refusals: number;
  /** Withheld from every equal client; otherwise only from those that refused it, since an equal one accepted it. */
  readonly everywhere: boolean;
  /** The version that stands in its place, where one is known. */
  readonly good: string | undefined;
  /** The resource with that version, bytes and all. Not printed with the rest. */
  readonly goodForm?: Resource | undefined;
}

export interface Quarantine {
  /** Whether anything of a type is withheld from anybody. */
  withholds(typeUrl: string): boolean;
  /** Rises when something is given free. */
  epoch(): number;
  /** Rises when something is added: it stands in the way of what refers to it no longer (X44). */
  added(): number;
  /** Whether a resource of this stream's view was refused by it or its equals. */
  find(refuser: Refuser, resource: Resource): Quarantined | undefined;
  /** A client refused a resource for certain, or would. `accepted`: an equal client has taken the same content. */
  refuse(
    refuser: Refuser,
    refusal: {
      readonly resource: Resource;
      readonly good: Resource | undefined;
      readonly message: string;
      readonly at: number;
      readonly accepted: boolean;
      /** Who refused it, where the client was not asked. */
      readonly by?: string;
    },
  ): void;
  /** A client took these: what equals refused of them is their own trouble. */
  accept(refuser: Refuser, resources: readonly Resource[]): void;
  /** Forgets refusals, so that the content is offered again. Returns how many. */
  release(which: (entry: QuarantineEntry) => boolean): number;
  entries(): readonly QuarantineEntry[];
}

interface Kept {
  readonly scope: string;
  /** Where the layer is of one proxy alone: which, since a node may have several views. */
  readonly origin: LayerId | undefined;
  readonly agent: string;
  readonly resource: Resource;
  readonly message: string;
  readonly at: number;
  readonly nodes: Set<string>;
  everywhere: boolean;
  readonly good: Resource | undefined;
}

/** The oldest go when there are more, one for each resource of each kind of client. */
const mostEntries = 10_000;
/** Nodes that are remembered by name for one refusal. */
const mostNodes = 10_000;

/**
 * What clients refused, for all streams of a server. Refused content is withheld from every stream of an equal client,
 * that is, of the same software and with the same view, until it changes. Where an equal client accepted it the trouble is
 * that of the node which refused it, and only this one is spared.
 */
export function createQuarantine(): Quarantine {
  const kept = new Map<string, Kept>();
  /** How many entries there are of each type. */
  const counts = new Map<string, number>();
  let epoch = 0;
  let added = 0;

  const drop = (key: string): void => {
    const entry = kept.get(key);
    if (entry === undefined) return;
    kept.delete(key);
    const { typeUrl } = entry.resource;
    const left = (counts.get(typeUrl) ?? 1) - 1;
    if (left > 0) counts.set(typeUrl, left);
    else counts.delete(typeUrl);
  };

  const keyOf = (refuser: Refuser, resource: Resource): string =>
    `${scopeOf(refuser, resource)}\0${refuser.agent}\0${resource.typeUrl}\0${resource.name}`;

  return {
    withholds: (typeUrl) => counts.has(typeUrl),
    epoch: () => epoch,
    added: () => added,
    find(refuser, resource) {
      if (kept.size === 0) return undefined;
      const entry = kept.get(keyOf(refuser, resource));
      if (entry === undefined || entry.resource.version !== resource.version) return undefined;
      if (!entry.everywhere && !entry.nodes.has(refuser.node)) return undefined;
      return { good: entry.good };
    },
    refuse(refuser, { resource, good, message, at, accepted, by }) {
      // What the client's own machine lacks is no fault of the content: it is offered again when the client comes again.
      if (isLocalFault(message)) return;
      const key = keyOf(refuser, resource);
      const before = kept.get(key);
      const same = before?.resource.version === resource.version ? before : undefined;
      const origin = originOf(refuser, resource);
      const nodes = same?.nodes ?? new Set<string>();
      if (nodes.size < mostNodes) nodes.add(by ?? refuser.node);
      if (same !== undefined) return;
      drop(key);
      added += 1;
      counts.set(resource.typeUrl, (counts.get(resource.typeUrl) ?? 0) + 1);
      kept.set(key, {
        scope: scopeOf(refuser, resource),
        origin,
        agent: refuser.agent,
        resource,
        message,
        at,
        nodes,
        everywhere: !accepted,
        good: good ?? (before?.origin === origin ? goodBefore(before, resource) : undefined),
      });
      const [oldest] = kept.keys();
      if (kept.size > mostEntries && oldest !== undefined) drop(oldest);
    },
    accept(refuser, resources) {
      if (kept.size === 0) return;
      for (const resource of resources) {
        const key = keyOf(refuser, resource);
        const entry = kept.get(key);
        if (entry === undefined) continue;
        if (entry.resource.version !== resource.version) {
          // The content changed, and was taken: what was refused before it is history.
          if (lookup(refuser.layers, resource.typeUrl, resource.name) === resource) drop(key);
        } else if (entry.everywhere) {
          entry.everywhere = false;
          epoch += 1;
        }
      }
    },
    release(which) {
      const freed = [...kept].filter(([, entry]) => which(shown(entry)));
      for (const [key] of freed) drop(key);
      if (freed.length > 0) epoch += 1;
      return freed.length;
    },
    entries: () => Array.from(kept.values(), shown),
  };
}

/** X93: what was good before the last refusal is so still, where it was of this view. */
function goodBefore(before: Kept | undefined, { version }: Resource): Resource | undefined {
  return before?.good?.version === version ? undefined : before?.good;
}

function holderOf({ layers }: Refuser, { typeUrl, name }: Resource): Layer | undefined {
  return layers.find((layer) => lookup([layer], typeUrl, name) !== undefined);
}

function originOf(refuser: Refuser, resource: Resource): LayerId | undefined {
  const holder = holderOf(refuser, resource);
  return holder?.scope === '' ? holder.origin : undefined;
}

/** Layers that are shared have a scope; a layer of one proxy is its node's. */
function scopeOf(refuser: Refuser, resource: Resource): string {
  const { node } = refuser;
  const holder = holderOf(refuser, resource);
  return holder === undefined || holder.scope === '' ? `node ${node}` : holder.scope;
}

function shown({ scope, agent, resource, message, at, nodes, everywhere, good }: Kept): QuarantineEntry {
  const [node = ''] = nodes;
  const { typeUrl, name, version } = resource;
  const entry = {
    scope,
    agent,
    typeUrl,
    name,
    version,
    message,
    at,
    node,
    refusals: nodes.size,
    everywhere,
    good: good?.version,
  };
  return good === undefined ? entry : Object.defineProperty(entry, 'goodForm', { value: good });
}
