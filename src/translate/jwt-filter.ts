import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Inbound, TokenDecision, TokenRuleDecision } from '../model/ir-inbound.ts';
import { remember } from '../model/remember.ts';
import {
  JwtAuthenticationSchema,
  type JwtProviderSchema,
} from '../proto/gen/envoy/extensions/filters/http/jwt_authn/v3/config_pb.ts';
import type { HttpFilter } from '../proto/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import type { Resource } from '../xds/resource.ts';
import { claimsKey } from './claim-matcher.ts';
import { durationOf } from './duration.ts';
import { extensionResource, extensionSlot } from './extension-config.ts';
import { keyClusterName, keyClusters } from './key-cluster.ts';
import { tokensName } from './names.ts';

/** Verifies tokens, after the authorizer was asked and before rules look at claims (P39). */
export const tokensFilter: HttpFilter = extensionSlot(tokensName, [JwtAuthenticationSchema]);

/** Of a workload that no RequestAuthentication selects: tokens pass, and nothing is known of them. */
const noTokens: Resource = extensionResource(tokensName, JwtAuthenticationSchema, {});

/** The filter's content, one for all ports as one decision holds for all of them, and the clusters that it alone calls. */
export function tokenResources(inbound: readonly Inbound[]): readonly Resource[] {
  const tokens = inbound.find((port) => port.tokens)?.tokens;
  return tokens === undefined ? [noTokens] : [tokensResource(tokens), ...keyClusters(tokens)];
}

/** Seconds for which keys are used before they are fetched anew; while they cannot be, no token is taken. */
const keysLifeSeconds = 300;
/** D23 */
const splitClaims = ['scope', 'permission'];

/**
 * P49: a request has no token, or one that a provider takes; preflights of CORS have none and pass (D24). The claims of the token stand where
 * conditions look for them, the same for all providers: the first that takes a token ends the search.
 */
const tokensResource = remember(({ rules }: TokenDecision): Resource => {
  const providers = Object.fromEntries(rules.map((decision) => [decision.id, provider(decision)]));
  const taken = rules.map(({ id }) => ({ requiresType: { case: 'providerName' as const, value: id } }));
  const requirements = [...taken, { requiresType: { case: 'allowMissing' as const, value: {} } }];
  return extensionResource(
    tokensName,
    JwtAuthenticationSchema,
    {
      providers,
      rules: [
        {
          match: { pathSpecifier: { case: 'prefix', value: '' } },
          requirementType: {
            case: 'requires',
            value: { requiresType: { case: 'requiresAny', value: { requirements } } },
          },
        },
      ],
      bypassCorsPreflight: true,
    },
    rules.flatMap(({ keysFrom }) => (isThere(keysFrom) ? [keyClusterName(keysFrom)] : [])),
  );
});

/** What is not there is waited for by nobody, and keeps no cluster that was. */
function isThere(keysFrom: TokenRuleDecision['keysFrom']): boolean {
  return keysFrom?.kind === 'service' ? keysFrom.ref.missing !== true : keysFrom !== undefined;
}

function provider({ rule, keysFrom }: TokenRuleDecision): MessageInitShape<typeof JwtProviderSchema> {
  return {
    issuer: rule.issuer,
    audiences: [...rule.audiences],
    // A token that never ends is none (T24).
    requireExpiration: true,
    jwksSourceSpecifier: keySource(rule.keys, keysFrom),
    forward: rule.forwardOriginalToken,
    fromHeaders: rule.fromHeaders.map(({ name, prefix }) => ({ name, valuePrefix: prefix })),
    fromParams: [...rule.fromParams],
    fromCookies: [...rule.fromCookies],
    forwardPayloadHeader: rule.outputPayloadToHeader ?? '',
    claimToHeaders: rule.outputClaimToHeaders.map(({ header, claim }) => ({ headerName: header, claimName: claim })),
    payloadInMetadata: claimsKey,
    normalizePayloadInMetadata: {
      spaceDelimitedClaims: [...new Set([...splitClaims, ...rule.spaceDelimitedClaims])],
    },
  };
}

/** Fetched when a token asks for them, not ahead: Envoy would go on with the last ones for ever where it cannot fetch any (T23). */
function keySource(
  keys: TokenRuleDecision['rule']['keys'],
  keysFrom: TokenRuleDecision['keysFrom'],
): MessageInitShape<typeof JwtProviderSchema>['jwksSourceSpecifier'] {
  if (keys.kind === 'inline')
    return { case: 'localJwks', value: { specifier: { case: 'inlineString', value: keys.jwks } } };
  return {
    case: 'remoteJwks',
    value: {
      httpUri: {
        uri: keys.uri,
        httpUpstreamType: { case: 'cluster', value: keyClusterName(keysFrom) },
        timeout: durationOf(keys.timeout),
      },
      cacheDuration: { seconds: BigInt(keysLifeSeconds) },
    },
  };
}
