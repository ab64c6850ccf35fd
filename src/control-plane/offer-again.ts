import { status as grpcStatus } from '@grpc/grpc-js';
import type { ReleaseReport } from '../admin/admin-source.ts';
import type { JoinCredential } from '../registry/join-claims.ts';
import type { XdsServer } from '../xds/create-xds-server.ts';

/**
 * Offers what was refused under a name once more: it is forgotten for all, and the streams that refused it themselves are told to come
 * again, since a stream is never offered twice what it refused (X38). Who refuses it again is kept from it again.
 */
export function offerAgain(
  xds: Pick<XdsServer<JoinCredential>, 'release' | 'status' | 'closeStreams'>,
  resource: string,
): ReleaseReport {
  const released = xds.release(({ name }) => name === resource);
  const refusers = new Set(
    xds
      .status()
      .filter(({ types }) => types.some(({ error }) => error?.names.includes(resource) === true))
      .map(({ node }) => node.id),
  );
  const words = `what was refused of "${resource}" is offered again: come again`;
  xds.closeStreams(({ node }) => refusers.has(node.id), grpcStatus.UNAVAILABLE, words);
  return { resource, released, proxies: [...refusers].sort() };
}
