import { refusedKind } from '../kind-definition.ts';
import {
  anyText,
  anything,
  bool,
  choice,
  duration,
  integer,
  list,
  object,
  port,
  someOf,
  text,
} from '../shape-builders.ts';

/** Routes of the Gateway API with Service parents (section 6), refused as a whole for now. Limits are the standard's. */

const named = { group: text('api-group', { allowEmpty: true }), kind: text('api-kind'), name: text('name') };
const reference = { ...named, namespace: text('label'), port };

const parentRefs = list(object({ ...reference, sectionName: text('name') }, { required: ['name'] }), { max: 32 });
const hostnames = list(text('host'), { max: 16 });

const header = object(
  { name: text('header-name'), value: text(undefined, { maxLength: 4096 }) },
  { required: ['name', 'value'] },
);
const headerModifier = object({
  set: list(header, { max: 16 }),
  add: list(header, { max: 16 }),
  remove: list(text('header-name'), { max: 16 }),
});
const path = object(
  { type: choice(['ReplaceFullPath', 'ReplacePrefixMatch']), replaceFullPath: anyText, replacePrefixMatch: anyText },
  { required: ['type'], exclusive: [['replaceFullPath', 'replacePrefixMatch']] },
);
const fraction = object(
  { numerator: integer(0, 2 ** 31 - 1), denominator: integer(1, 2 ** 31 - 1) },
  { required: ['numerator'] },
);

const filters = list(
  object(
    {
      type: choice([
        'RequestHeaderModifier',
        'ResponseHeaderModifier',
        'RequestMirror',
        'RequestRedirect',
        'URLRewrite',
        'CORS',
        'ExternalAuth',
        'ExtensionRef',
      ]),
      requestHeaderModifier: headerModifier,
      responseHeaderModifier: headerModifier,
      requestMirror: object(
        { backendRef: object(reference, { required: ['name'] }), percent: integer(0, 100), fraction },
        { required: ['backendRef'], exclusive: [['percent', 'fraction']] },
      ),
      requestRedirect: object({
        scheme: choice(['http', 'https']),
        hostname: text('host'),
        path,
        port,
        statusCode: integer(301, 308),
      }),
      urlRewrite: object({ hostname: text('host'), path }),
      cors: object({
        allowOrigins: list(text(), { max: 64 }),
        allowCredentials: bool,
        allowMethods: list(text(), { max: 9 }),
        allowHeaders: list(text(), { max: 64 }),
        exposeHeaders: list(text(), { max: 64 }),
        maxAge: integer(1, 2 ** 31 - 1),
      }),
      // Its shape is still experimental.
      externalAuth: anything,
      extensionRef: object(named, { required: ['group', 'kind', 'name'] }),
    },
    { required: ['type'] },
  ),
  { max: 16 },
);

const backendRefs = list(object({ ...reference, weight: integer(0, 1_000_000), filters }, { required: ['name'] }), {
  max: 16,
});
const condition = object(
  { type: choice(['Exact', 'RegularExpression']), name: text(), value: text(undefined, { maxLength: 4096 }) },
  { required: ['name', 'value'] },
);
const conditions = list(condition, { max: 16 });

/** What rules of every route have. */
const rule = { name: text('name'), filters, backendRefs };
const sessionPersistence = object({
  sessionName: text(undefined, { maxLength: 128 }),
  absoluteTimeout: duration(0),
  idleTimeout: duration(0),
  type: choice(['Cookie', 'Header']),
  cookieConfig: object({ lifetimeType: choice(['Permanent', 'Session']) }),
});

const httpMatch = object({
  path: object({
    type: choice(['Exact', 'PathPrefix', 'RegularExpression']),
    value: text(undefined, { maxLength: 1024 }),
  }),
  headers: conditions,
  queryParams: conditions,
  method: choice(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH']),
});

export const httpRoute = refusedKind(
  'HTTPRoute',
  ['gateway.networking.k8s.io/v1'],
  'T1',
  object({
    parentRefs,
    hostnames,
    rules: list(
      object({
        ...rule,
        matches: list(httpMatch, { max: 64 }),
        timeouts: object({ request: duration(0), backendRequest: duration(0) }),
        retry: object({ codes: list(integer(400, 599)), attempts: integer(0, 2 ** 31 - 1), backoff: duration(0) }),
        sessionPersistence,
      }),
      { max: 16 },
    ),
  }),
  { hint: 'write its rules as http of a VirtualService; without any, calls go to the service itself' },
);

const grpcMatch = object({
  method: object({ type: choice(['Exact', 'RegularExpression']), service: text(), method: text() }),
  headers: conditions,
});

export const grpcRoute = refusedKind(
  'GRPCRoute',
  ['gateway.networking.k8s.io/v1'],
  'T1',
  object({
    parentRefs,
    hostnames,
    rules: list(object({ ...rule, matches: list(grpcMatch, { max: 64 }), sessionPersistence }), { max: 16 }),
  }),
  { hint: 'write its rules as http of a VirtualService; without any, calls go to the service itself' },
);

const connectionRules = someOf(object({ name: text('name'), backendRefs }), { max: 16 });

export const tlsRoute = refusedKind(
  'TLSRoute',
  ['gateway.networking.k8s.io/v1', 'gateway.networking.k8s.io/v1alpha2'],
  'T2',
  object({ parentRefs, hostnames, rules: connectionRules }, { required: ['rules'] }),
  { hint: 'write its rules as tls of a VirtualService; without any, calls go to the service itself' },
);

export const tcpRoute = refusedKind(
  'TCPRoute',
  ['gateway.networking.k8s.io/v1alpha2'],
  'T2',
  object({ parentRefs, rules: connectionRules }, { required: ['rules'] }),
  { hint: 'write its rules as tcp of a VirtualService; without any, calls go to the service itself' },
);
