import { status } from '@grpc/grpc-js';
import type { JoinCredential } from '../registry/join-claims.ts';
import type { XdsServer } from '../xds/create-xds-server.ts';

/** Ends the streams of credentials that are no longer good, with the words that a new attempt would get. */
export function endRefusedStreams(
  xds: Pick<XdsServer<JoinCredential>, 'status' | 'closeStreams'>,
  standing: (credential: JoinCredential) => string | undefined,
): void {
  for (const { principal } of xds.status()) {
    const words = standing(principal);
    if (words === undefined) continue;
    const { tokenId, nodeId } = principal;
    const isIts = (other: JoinCredential) => other.tokenId === tokenId && other.nodeId === nodeId;
    xds.closeStreams((stream) => isIts(stream.principal), status.UNAUTHENTICATED, words);
  }
}
