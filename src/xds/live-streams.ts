import { status } from '@grpc/grpc-js';
import type { StreamNode } from './client-node.ts';
import type { Resource } from './resource.ts';
import type { StreamStatus, Unanswered } from './status.ts';

/** An open stream as the server sees it. */
export interface LiveStream<Principal> {
  readonly principal: Principal;
  readonly node: StreamNode;
  readonly peer: string;
  status(): StreamStatus<Principal>;
  /** What waits for its answer since this moment or longer. */
  unanswered(moment: number): readonly Unanswered[];
  /** Has it look again at what it is owed. */
  wake(): void;
  /** Whether a client of this software runs with this content, acknowledged. */
  accepted(agent: string, resource: Resource): boolean;
  end(code: status, message: string): void;
}

/** The streams that are open, oldest first. */
export interface LiveStreams<Principal> {
  all(): Iterable<LiveStream<Principal>>;
  add(number: number, stream: LiveStream<Principal>): void;
  /** Whether it was there. */
  remove(number: number): boolean;
  /**
   * Ends the oldest connections of a node so that one from this peer fits, first those that have no stream. The newest counts (F4): one that
   * is lost may stand for a while before that is known.
   */
  makeRoom(node: string, peer: string): void;
  /** The connection of a peer is closed. */
  forget(peer: string): void;
}

/** `perNode`: how many connections one node may have. */
export function createLiveStreams<Principal>(
  perNode: number,
  connections: { isOpen(peer: string): boolean; retire(peer: string, message: string): void },
): LiveStreams<Principal> {
  const streams = new Map<number, LiveStream<Principal>>();
  /** Of each node its connections, oldest first, and what is open on them. */
  const byNode = new Map<string, Map<string, Set<LiveStream<Principal>>>>();
  /** Whose a connection is while it has no stream: the node that came last on it. */
  const owners = new Map<string, string>();

  function drop(node: string, peer: string): void {
    const connectionsOfNode = byNode.get(node);
    connectionsOfNode?.delete(peer);
    if (connectionsOfNode?.size === 0) byNode.delete(node);
  }

  function dropUnused(node: string, peer: string): void {
    if (owners.get(peer) !== node && byNode.get(node)?.get(peer)?.size === 0) drop(node, peer);
  }

  return {
    all: () => streams.values(),
    add(number, stream) {
      const { node, peer } = stream;
      streams.set(number, stream);
      const connectionsOfNode = byNode.get(node.id) ?? new Map<string, Set<LiveStream<Principal>>>();
      byNode.set(node.id, connectionsOfNode);
      connectionsOfNode.set(peer, (connectionsOfNode.get(peer) ?? new Set()).add(stream));
      const before = owners.get(peer);
      if (connections.isOpen(peer)) owners.set(peer, node.id);
      if (before !== undefined) dropUnused(before, peer);
    },
    remove(number) {
      const stream = streams.get(number);
      if (stream === undefined) return false;
      streams.delete(number);
      byNode.get(stream.node.id)?.get(stream.peer)?.delete(stream);
      dropUnused(stream.node.id, stream.peer);
      return true;
    },
    makeRoom(node, peer) {
      const others = [...(byNode.get(node) ?? [])].filter(([each]) => each !== peer);
      const tooMany = others.length + 1 - perNode;
      if (tooMany <= 0) return;
      const idleFirst = others.toSorted(([, some], [, more]) => Number(some.size > 0) - Number(more.size > 0));
      const message = `the node has more than ${perNode} connections: a newer one came`;
      for (const [each, open] of idleFirst.slice(0, tooMany)) {
        drop(node, each);
        for (const stream of [...open]) stream.end(status.RESOURCE_EXHAUSTED, message);
        connections.retire(each, message);
      }
    },
    forget(peer) {
      const node = owners.get(peer);
      owners.delete(peer);
      if (node !== undefined) dropUnused(node, peer);
    },
  };
}
