import type { ListenerTerms, PathNormalization } from '../model/ir-mesh.ts';
import type { Millis } from '../model/policy.ts';
import {
  type HttpConnectionManager,
  HttpConnectionManager_CodecType,
  HttpConnectionManager_ForwardClientCertDetails,
  HttpConnectionManager_PathWithEscapedSlashesAction,
  HttpConnectionManager_ServerHeaderTransformation,
  HttpConnectionManagerSchema,
  type HttpFilter,
} from '../proto/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { message } from '../proto/message.ts';
import { accessLogs } from './access-log.ts';
import { authorizerFilter } from './authorizer-filter.ts';
import { adsSource } from './config-source.ts';
import { durationOf } from './duration.ts';
import {
  authorizationFilter,
  bytesMark,
  corsFilter,
  dynamicForwardProxyFilter,
  faultFilter,
  routerFilter,
} from './http-filters.ts';
import { maxHeadersCount, maxHeadersKb, serverHttp1Options } from './http1-options.ts';
import { tokensFilter } from './jwt-filter.ts';
import { inboundReplies, outboundReplies } from './local-replies.ts';
import { type OwnAddress, ownAddressFilter } from './own-address-filter.ts';

/** Protocols that a connection may change to; there is no wildcard, and an unlisted one is refused by Envoy itself (R4, E24). */
const upgrades = ['websocket', 'tcp', 'spdy/3.1'];

/** The filters of outbound requests, in order. Behind a unix socket nothing can come back to `own`. */
function outboundFilters(terms: ListenerTerms, own: OwnAddress | undefined): HttpFilter[] {
  return [
    ...(terms.detection ? [bytesMark] : []),
    faultFilter,
    corsFilter,
    dynamicForwardProxyFilter,
    ...(own === undefined ? [] : [ownAddressFilter(own)]),
    routerFilter,
  ];
}

/**
 * The filters of inbound requests, in order (P39): choose what the authorizer is asked about, ask it, verify tokens, note, refuse, allow,
 * serve.
 */
const inboundFilters: readonly HttpFilter[] = [
  authorizationFilter('custom'),
  authorizerFilter,
  tokensFilter,
  authorizationFilter('audit'),
  authorizationFilter('deny'),
  authorizationFilter('allow'),
  routerFilter,
];

/**
 * Requests of the application to others. `routes` names the route configuration; `host` stands in for HTTP/1.0 without one; `own` is where
 * the listener is, if it is at a port.
 */
export function outboundConnectionManager(
  routes: string,
  host: string,
  terms: ListenerTerms,
  own: OwnAddress | undefined,
): HttpConnectionManager {
  return message(HttpConnectionManagerSchema, {
    ...transparent(routes, host),
    // One name for all outbound listeners: a manager has a hundred statistics (E30).
    statPrefix: 'out',
    httpFilters: outboundFilters(terms, own),
    ...(own === undefined ? {} : { localReplyConfig: outboundReplies }),
    accessLog: accessLogs('http', 'source', terms),
    commonHttpProtocolOptions: { maxHeadersCount },
    ...pathOptions[terms.pathNormalization.value],
  });
}

/**
 * Requests of others to the application. Nothing here depends on a policy but MeshConfig, so policies never close connections (E21).
 * Paths are normalised (D22) whether or not a rule looks at them: were it switched on by the first path rule, connections opened
 * before would walk around that rule.
 */
export function inboundConnectionManager(
  name: string,
  ownHost: string,
  age: Millis | undefined,
  terms: ListenerTerms,
): HttpConnectionManager {
  return message(HttpConnectionManagerSchema, {
    ...transparent(name, ownHost),
    statPrefix: name,
    httpFilters: [...inboundFilters],
    localReplyConfig: inboundReplies,
    accessLog: accessLogs('http', 'destination', terms),
    // Idle callers close first, after an hour (D4): whoever closes must not be the one who is about to be asked.
    commonHttpProtocolOptions: {
      maxHeadersCount,
      idleTimeout: durationOf(2 * 3_600_000),
      ...(age !== undefined && { maxConnectionDuration: durationOf(age) }),
    },
    http1SafeMaxConnectionDuration: true,
    ...pathOptions[terms.pathNormalization.value],
    forwardClientCertDetails: HttpConnectionManager_ForwardClientCertDetails.SANITIZE_SET,
    setCurrentClientCertDetails: { uri: true },
  });
}

const { KEEP_UNCHANGED, UNESCAPE_AND_FORWARD } = HttpConnectionManager_PathWithEscapedSlashesAction;

type PathOptions = Pick<HttpConnectionManager, 'mergeSlashes' | 'pathWithEscapedSlashesAction'> & {
  readonly normalizePath: boolean;
};

/** P47: on the way out, so that routes see the path that the other side will see, and on the way in, where rules decide. */
const pathOptions: Readonly<Record<PathNormalization, PathOptions>> = {
  none: { normalizePath: false, mergeSlashes: false, pathWithEscapedSlashesAction: KEEP_UNCHANGED },
  dots: { normalizePath: true, mergeSlashes: false, pathWithEscapedSlashesAction: KEEP_UNCHANGED },
  'dots-and-slashes': { normalizePath: true, mergeSlashes: true, pathWithEscapedSlashesAction: KEEP_UNCHANGED },
  'dots-and-encoded-slashes': {
    normalizePath: true,
    mergeSlashes: true,
    pathWithEscapedSlashesAction: UNESCAPE_AND_FORWARD,
  },
};

/** What keeps a program from noticing its sidecar: R2 to R10 of transparency.md, on both sides. */
function transparent(routes: string, host: string) {
  return {
    codecType: HttpConnectionManager_CodecType.AUTO,
    routeSpecifier: { case: 'rds' as const, value: { configSource: adsSource, routeConfigName: routes } },
    httpProtocolOptions: serverHttp1Options(host),
    http2ProtocolOptions: { allowConnect: true },
    streamIdleTimeout: durationOf(0),
    upgradeConfigs: upgrades.map((upgradeType) => ({ upgradeType })),
    proxy100Continue: true,
    maxRequestHeadersKb: maxHeadersKb,
    serverHeaderTransformation: HttpConnectionManager_ServerHeaderTransformation.PASS_THROUGH,
    // No address makes a request "internal", else Envoy would add a header of its own (R9).
    internalAddressConfig: {},
  };
}
