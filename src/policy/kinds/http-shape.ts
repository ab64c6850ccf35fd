import {
  anyText,
  bool,
  choice,
  deprecated,
  duration,
  integer,
  labels,
  list,
  map,
  number,
  object,
  percent,
  port,
  refused,
  refusedFields,
  row,
  text,
} from '../shape-builders.ts';
import { corsPolicy } from './http-cors.ts';
import { directResponse } from './http-direct-response.ts';

const headerMap = map('header-name', text('header-value', { allowEmpty: true }));
const headerOperations = object({ set: headerMap, add: headerMap, remove: list(text('header-name')) });
export const headerRules = object({ request: headerOperations, response: headerOperations });

export const destination = object(
  {
    host: text('host-name'),
    subset: text('any-case-label', { allowEmpty: true }),
    port: object({ number: port }, { required: ['number'] }),
  },
  { required: ['host'] },
);
const percentage = object({ value: percent });
/** Of a fault: so small a share that none is left is refused, so it comes as written. */
const share = object({ value: number(0, 100) });
const wholePercent = integer(0, 100);
const millisecond = duration(1);
/** A port of 0 is none, as in Istio. */
const portOrNone = integer(0, 65_535);

/** A text condition (P12): `{}` means present. An exact text may be empty, a prefix or an expression not. */
const condition = (prefix = text(), regex = text('regex')) =>
  object({ exact: anyText, prefix, regex }, { exclusive: [['exact', 'prefix', 'regex']] });
const textMatch = condition();
/** Every path has the empty prefix. */
const uriMatch = condition(anyText);
/** Only here Istio reads the expression `*`, which is none of RE2, as "present". */
const absentMatch = condition(text(), text('regex-or-star'));

export const httpMatch = object({
  name: row(anyText, 'T0', 'last part of the name of the route'),
  uri: row(uriMatch, 'T0', 'path, prefix or safe_regex of the route'),
  ignoreUriCase: row(bool, 'T0', 'case_sensitive: false; of exact paths and prefixes'),
  method: row(textMatch, 'T0', 'header matcher on :method'),
  authority: row(textMatch, 'T0', 'header matcher on :authority'),
  scheme: row(textMatch, 'T0', 'header matcher on :scheme'),
  headers: row(map('condition-name', textMatch), 'T0', 'header matcher'),
  withoutHeaders: row(
    map('condition-name', absentMatch),
    'T0',
    'inverted header matcher; holds without the header, too',
  ),
  queryParams: row(map('query-name', textMatch), 'T0', 'query parameter matcher'),
  port: row(portOrNone, 'T0', 'decided per port of the service'),
  sourceLabels: row(labels, 'T0', 'decided per proxy'),
  sourceNamespace: row(text('any-case-label', { allowEmpty: true }), 'T0', 'decided per proxy'),
  gateways: row(list(text()), 'T0', 'decided per proxy; mesh means all of them, gateways are not served'),
  statPrefix: row(anyText, 'T1', 'stat_prefix of the route'),
});

export const redirect = object(
  {
    uri: anyText,
    authority: anyText,
    port: portOrNone,
    derivePort: choice(['FROM_PROTOCOL_DEFAULT', 'FROM_REQUEST_PORT']),
    scheme: choice(['http', 'https', '']),
    redirectCode: integer(0, 399),
    prefixRewrite: anyText,
  },
  { nonEmpty: true, exclusive: [['port', 'derivePort']] },
);

export const rewrite = object(
  {
    uri: anyText,
    authority: anyText,
    uriRegexRewrite: object({ match: text('regex'), rewrite: text() }, { required: ['match', 'rewrite'] }),
  },
  { nonEmpty: true },
);

export const retries = object({
  attempts: row(integer(0, 2 ** 31 - 1), 'T0', 'num_retries', 'D1'),
  perTryTimeout: row(millisecond, 'T0', 'per_try_timeout', 'D3'),
  retryOn: row(anyText, 'T0', 'retry_on and retriable_status_codes', 'D1'),
  backoff: row(millisecond, 'T1', 'base interval of the back-off'),
  retryIgnorePreviousHosts: row(bool, 'T1', 'previous-hosts predicate', 'D1'),
  retryRemoteLocalities: row(bool, 'T1', 'previous-priorities plug-in'),
});

export const fault = object(
  {
    delay: object(
      {
        fixedDelay: row(millisecond, 'T0', 'delay of the fault filter'),
        percentage: row(share, 'T0', 'share of the delayed requests', 'D13'),
        percent: deprecated(wholePercent, 'percentage.value'),
        ...refusedFields('never', ['exponentialDelay']),
      },
      { exclusive: [['fixedDelay', 'exponentialDelay']] },
    ),
    abort: object(
      {
        httpStatus: row(integer(200, 600), 'T0', 'status of the answer'),
        grpcStatus: row(text(), 'T0', 'status of gRPC of the answer'),
        percentage: row(share, 'T0', 'share of the answered requests', 'D13'),
        ...refusedFields('never', ['http2Error']),
      },
      { exclusive: [['httpStatus', 'grpcStatus', 'http2Error']] },
    ),
  },
  { nonEmpty: true },
);

export const httpRule = object(
  {
    name: row(anyText, 'T0', 'rule part of the name of the route'),
    match: list(httpMatch),
    route: list(
      object(
        {
          destination: row(destination, 'T0', 'cluster'),
          weight: row(integer(0, 2 ** 31 - 1), 'T0', 'weighted_clusters'),
          headers: row(headerRules, 'T0', 'header operations of the cluster weight'),
        },
        { required: ['destination'] },
      ),
    ),
    redirect: row(redirect, 'T0', 'redirect', 'D13'),
    directResponse: row(directResponse, 'T1', 'direct_response'),
    rewrite: row(rewrite, 'T0', 'prefix_rewrite, host_rewrite_literal, regex_rewrite'),
    timeout: row(millisecond, 'T0', 'timeout of the route, also the bound for grpc-timeout', 'D3'),
    retries,
    fault,
    mirror: row(destination, 'T1', 'request_mirror_policies'),
    mirrorPercentage: row(percentage, 'T1', 'runtime_fraction of the mirror', 'D13'),
    mirrorPercent: deprecated(wholePercent, 'mirrorPercentage.value'),
    mirrors: row(
      list(object({ destination, percentage }, { required: ['destination'] })),
      'T1',
      'request_mirror_policies',
      'D13',
    ),
    headers: row(headerRules, 'T0', 'header operations of the route'),
    corsPolicy: row(corsPolicy, 'T1', 'CORS filter, per route'),
    delegate: refused('T2', object({ name: anyText, namespace: anyText }), {
      hint: "write the delegate's rules here",
      isCondition: true,
    }),
  },
  {
    exclusive: [
      ['route', 'redirect'],
      ['route', 'directResponse'],
      ['redirect', 'directResponse'],
      ['redirect', 'rewrite'],
      ['directResponse', 'rewrite'],
      ['redirect', 'fault'],
      ['directResponse', 'fault'],
      ['mirror', 'mirrors'],
    ],
  },
);
