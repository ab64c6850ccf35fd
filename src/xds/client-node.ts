import type { Node } from '../proto/gen/envoy/config/core/v3/base_pb.ts';
import type { ClientFeatures } from './stream-state.ts';
import type { Variant } from './subscription.ts';

/**
 * What is kept of a node while its stream lives, and shown. Envoy's list of its extensions is not: 60 KB of every first request, and more
 * than 100 KB as JSON.
 */
export type StreamNode = Pick<
  Node,
  'id' | 'cluster' | 'locality' | 'metadata' | 'userAgentName' | 'userAgentVersionType' | 'clientFeatures'
>;

/** The node as it is kept. */
export function streamNode(node: Node): StreamNode {
  const { id, cluster, locality, metadata, userAgentName, userAgentVersionType, clientFeatures } = node;
  return {
    id,
    cluster,
    userAgentName,
    userAgentVersionType,
    clientFeatures,
    ...(locality === undefined ? {} : { locality }),
    ...(metadata === undefined ? {} : { metadata }),
  };
}

/** What runs at the other end, for refusals that hold for all who run it. */
export function agentOf({
  userAgentName,
  userAgentVersionType,
}: Pick<Node, 'userAgentName' | 'userAgentVersionType'>): string {
  const { case: kind, value } = userAgentVersionType;
  if (kind === 'userAgentVersion') return `${userAgentName} ${value}`;
  const version = kind === 'userAgentBuildVersion' ? value.version : undefined;
  return version === undefined
    ? userAgentName
    : `${userAgentName} ${version.majorNumber}.${version.minorNumber}.${version.patch}`;
}

/** Two values for all streams, which are in every step of each. */
const withTtl: ClientFeatures = { ttl: true };
const withoutTtl: ClientFeatures = { ttl: false };

/** X106, X107: what a client says of itself; in SotW a TTL needs a wrapper that only some know. */
export function featuresOf({ clientFeatures }: Node, variant: Variant): ClientFeatures {
  const knowsTtl = clientFeatures.includes('xds.config.supports-resource-ttl');
  const reads = variant === 'delta' || clientFeatures.includes('xds.config.resource-in-sotw');
  return knowsTtl && reads ? withTtl : withoutTtl;
}
