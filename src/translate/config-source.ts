import {
  ApiVersion,
  type ConfigSource,
  ConfigSourceSchema,
} from '../proto/gen/envoy/config/core/v3/config_source_pb.ts';
import {
  type SdsSecretConfig,
  SdsSecretConfigSchema,
} from '../proto/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import { message } from '../proto/message.ts';
import { bundleSecretName, identitySecretName } from './names.ts';

/** The one source of everything dynamic: the ADS stream. One constant, so that its bytes are the same everywhere (X96, X97). */
export const adsSource: ConfigSource = message(ConfigSourceSchema, {
  configSourceSpecifier: { case: 'ads', value: {} },
  resourceApiVersion: ApiVersion.V3,
});

/** A secret by SDS. */
export function secretConfig(name: string): SdsSecretConfig {
  return message(SdsSecretConfigSchema, { name, sdsConfig: adsSource });
}

/** The proxy's own certificate and key, by SDS. */
export const identitySecret: SdsSecretConfig = secretConfig(identitySecretName);

/** The roots that peers must chain to, by SDS. */
export const bundleSecret: SdsSecretConfig = secretConfig(bundleSecretName);
