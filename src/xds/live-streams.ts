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
   * Ends the oldest connections of a node so that one from this peer fits. The newest counts (F4): one that is lost may
   * stand for a while before that is known.
   */
  makeRoom(node: string, peer: string): void;
}

/** `perNode`: how many connections one node may have. */
export function createLiveStreams<Principal>(perNode: number): LiveStreams<Principal> {
  const streams = new Map<number, LiveStream<Principal>>();
  const byNode = new Map<string, Set<LiveStream<Principal>>>();
  return {
    all: () => streams.values(),
    add(number, stream) {
      streams.set(number, stream);
      const { id } = stream.node;
      byNode.set(id, (byNode.get(id) ?? new Set()).add(stream));
    },
    remove(number) {
      const stream = streams.get(number);
      if (stream === undefined) return false;
      streams.delete(number);
      const others = byNode.get(stream.node.id);
      others?.delete(stream);
      if (others?.size === 0) byNode.delete(stream.node.id);
      return true;
    },
    makeRoom(node, peer) {
      const others = [...(byNode.get(node) ?? [])].filter((stream) => stream.peer !== peer);
      const peers = [...new Set(others.map((stream) => stream.peer))];
      const tooMany = new Set(peers.slice(0, Math.max(0, peers.length + 1 - perNode)));
      for (const stream of others)
        if (tooMany.has(stream.peer))
          stream.end(status.RESOURCE_EXHAUSTED, `the node has more than ${perNode} connections: a newer one came`);
    },
  };
}
