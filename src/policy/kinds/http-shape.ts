import {
  anyText,
  anything,
  bool,
  choice,
  deprecated,
  duration,
  integer,
  labels,
  list,
  map,
  object,
  percent,
  port,
  refused,
  refusedFields,
  text,
} from '../shape.ts';
import { stringMatch } from './common.ts';

const headerMap = map('header-name', text('header-value'));
const headerOperations = object({ set: headerMap, add: headerMap, remove: list(text('header-name')) });
export const headerRules = object({ request: headerOperations, response: headerOperations });

export const destination = object(
  { host: text('host'), subset: text('label'), port: object({ number: port }, { required: ['number'] }) },
  { required: ['host'] },
);
export const percentage = object({ value: percent }, { required: ['value'] });
const wholePercent = integer(0, 100);
const conditions = map('condition-name', stringMatch);
const millisecond = duration(1);

export const httpMatch = object({
  name: text(),
  uri: stringMatch,
  ignoreUriCase: bool,
  method: stringMatch,
  authority: stringMatch,
  scheme: stringMatch,
  headers: conditions,
  withoutHeaders: conditions,
  queryParams: map('any', stringMatch),
  port,
  sourceLabels: labels,
  sourceNamespace: text('label'),
  ...refusedFields('T1', ['gateways', 'statPrefix']),
});

export const redirect = object(
  {
    uri: text(),
    authority: text('host'),
    port,
    derivePort: choice(['FROM_PROTOCOL_DEFAULT', 'FROM_REQUEST_PORT']),
    scheme: choice(['http', 'https']),
    redirectCode: integer(301, 308),
    prefixRewrite: text(),
  },
  {
    nonEmpty: true,
    exclusive: [
      ['uri', 'prefixRewrite'],
      ['port', 'derivePort'],
    ],
  },
);

export const rewrite = object(
  {
    uri: text(),
    authority: text('host'),
    uriRegexRewrite: object({ match: text('regex'), rewrite: anyText }, { required: ['match', 'rewrite'] }),
  },
  { nonEmpty: true, exclusive: [['uri', 'uriRegexRewrite']] },
);

export const retries = object({
  attempts: integer(0, 1000),
  perTryTimeout: millisecond,
  retryOn: text(),
  ...refusedFields('T1', ['backoff', 'retryIgnorePreviousHosts', 'retryRemoteLocalities']),
});

export const fault = object(
  {
    delay: object(
      {
        fixedDelay: millisecond,
        percentage,
        percent: deprecated(wholePercent, 'percentage.value'),
        ...refusedFields('never', ['exponentialDelay']),
      },
      { required: ['fixedDelay'], exclusive: [['percentage', 'percent']] },
    ),
    abort: object(
      {
        httpStatus: integer(200, 599),
        grpcStatus: text(),
        percentage,
        percent: deprecated(wholePercent, 'percentage.value'),
        ...refusedFields('never', ['http2Error']),
      },
      {
        exclusive: [
          ['httpStatus', 'grpcStatus'],
          ['percentage', 'percent'],
        ],
      },
    ),
  },
  { nonEmpty: true },
);

const corsPolicy = object({
  allowOrigins: list(stringMatch),
  allowOrigin: list(text()),
  allowMethods: list(text()),
  allowHeaders: list(text()),
  exposeHeaders: list(text()),
  maxAge: duration(0),
  allowCredentials: bool,
  unmatchedPreflights: anyText,
});

export const httpRule = object(
  {
    name: text(),
    match: list(httpMatch),
    route: list(
      object({ destination, weight: integer(0, 2 ** 31 - 1), headers: headerRules }, { required: ['destination'] }),
    ),
    redirect,
    rewrite,
    timeout: millisecond,
    retries,
    fault,
    mirror: destination,
    mirrorPercentage: percentage,
    mirrorPercent: deprecated(wholePercent, 'mirrorPercentage.value'),
    mirrors: list(object({ destination, percentage }, { required: ['destination'] })),
    headers: headerRules,
    corsPolicy: refused('T1', corsPolicy),
    directResponse: refused('T1', object({ status: anything, body: object({ string: anything, bytes: anything }) })),
    delegate: refused('T2', object({ name: anything, namespace: anything })),
  },
  {
    exclusive: [
      ['route', 'redirect'],
      ['redirect', 'rewrite'],
      ['redirect', 'fault'],
      ['redirect', 'timeout'],
      ['redirect', 'retries'],
      ['redirect', 'mirror', 'mirrors'],
      ['mirrorPercentage', 'mirrorPercent'],
    ],
  },
);
