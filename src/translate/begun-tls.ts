import { remember } from '../model/remember.ts';
import { decode } from '../proto/codec.ts';
import { ClusterSchema } from '../proto/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { UpstreamTlsContextSchema } from '../proto/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import type { Resource } from '../xds/resource.ts';
import { meshProtocol } from './tls-parameters.ts';

/** Whether a cluster speaks TLS in place of the program (P48), which is neither plaintext nor mesh TLS. */
export const beginsTls = remember(({ value }: Resource): boolean => {
  const { configType } = decode(ClusterSchema, value).transportSocket ?? {};
  if (configType?.case !== 'typedConfig') return false;
  const { commonTlsContext } = decode(UpstreamTlsContextSchema, configType.value.value);
  return commonTlsContext?.alpnProtocols.includes(meshProtocol) !== true;
});
