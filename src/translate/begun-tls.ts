import { remember } from '../model/remember.ts';
import { decode } from '../proto/codec.ts';
import { ClusterSchema } from '../proto/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ClusterLoadAssignmentSchema } from '../proto/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import { UpstreamTlsContextSchema } from '../proto/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import type { Resource } from '../xds/resource.ts';
import { meshProtocol } from './tls-parameters.ts';
import { meshEndpoint, socketMatchKey } from './transport-socket-matches.ts';

/** Whether a cluster speaks TLS in place of the program (P48), which is neither plaintext nor mesh TLS. */
export function beginsTls(cluster: Resource): boolean {
  return begunBy(cluster) === 'own';
}

/** Whether a cluster speaks mesh TLS with every endpoint that it has: whoever shows no certificate of the mesh gets no request. */
export function speaksMeshTls(cluster: Resource, endpoints: Resource | undefined): boolean {
  const begun = begunBy(cluster);
  return begun === 'mesh' || (begun === 'marked' && endpoints !== undefined && areMarked(endpoints));
}

/** `marked`: mesh TLS with those endpoints that are marked (P35). */
const begunBy = remember(({ value }: Resource): 'nobody' | 'own' | 'mesh' | 'marked' => {
  const { transportSocket, transportSocketMatches } = decode(ClusterSchema, value);
  if (transportSocketMatches.length > 0) return 'marked';
  const { configType } = transportSocket ?? {};
  if (configType?.case !== 'typedConfig') return 'nobody';
  const { commonTlsContext } = decode(UpstreamTlsContextSchema, configType.value.value);
  return commonTlsContext?.alpnProtocols.includes(meshProtocol) ? 'mesh' : 'own';
});

/** Whether there are endpoints, and all are marked. */
const areMarked = remember(({ value }: Resource): boolean => {
  const all = decode(ClusterLoadAssignmentSchema, value).endpoints.flatMap(({ lbEndpoints }) => lbEndpoints);
  const isMarked = ({ metadata }: (typeof all)[number]) =>
    metadata?.filterMetadata[socketMatchKey]?.tls === meshEndpoint.tls;
  return all.length > 0 && all.every(isMarked);
});
