import type { AuthorizerSpec, HttpAuthorizer } from '../../model/authorizer.ts';
import type { LowerContext } from '../kind-definition.ts';
import type { Infer, RefusedShape } from '../shape.ts';
import { anything, bool, count, duration, list, map, object, port, refused, row, text } from '../shape-builders.ts';
import { mapValues, present, refuseRepeats } from './common.ts';

const body = object(
  { maxRequestBytes: count, allowPartialMessage: bool, packAsBytes: bool },
  { required: ['maxRequestBytes'] },
);
const day = 86_400_000;
const headers = list(text());
const common = {
  service: text(),
  port,
  timeout: duration(1, day),
  failOpen: bool,
  statusOnError: text(),
  includeRequestBodyInCheck: body,
  clearRouteCache: bool,
};
const required = { required: ['service', 'port'] } as const;

const http = object(
  {
    ...common,
    pathPrefix: text(),
    includeRequestHeadersInCheck: headers,
    includeAdditionalHeadersInCheck: map('header-name', text('header-value', { allowEmpty: true })),
    headersToUpstreamOnAllow: headers,
    headersToDownstreamOnDeny: headers,
    headersToDownstreamOnAllow: headers,
    // Its old name.
    includeHeadersInCheck: refused('never', headers, { hint: 'write includeRequestHeadersInCheck' }),
  },
  required,
);

/** Nobody who is asked about requests: what observes them. */
function others<const N extends string>(tier: 'T1' | 'T2', names: readonly N[]): { readonly [K in N]: RefusedShape } {
  const hint = 'remove the provider, and Telemetry that names it';
  const entries = names.map((name) => [name, refused(tier, anything, { hint })]);
  return Object.fromEntries(entries) as { readonly [K in N]: RefusedShape };
}

const provider = object(
  {
    name: text(),
    envoyExtAuthzHttp: row(http, 'T1', 'ext_authz over HTTP'),
    envoyExtAuthzGrpc: row(object(common, required), 'T1', 'ext_authz over gRPC, HTTP or network'),
    ...others('T1', ['zipkin', 'opentelemetry', 'prometheus', 'envoyFileAccessLog']),
    ...others('T1', ['envoyHttpAls', 'envoyTcpAls', 'envoyOtelAls']),
    ...others('T2', ['lightstep', 'datadog', 'stackdriver', 'opencensus', 'skywalking', 'sds']),
  },
  { required: ['name'], exclusive: [['envoyExtAuthzHttp', 'envoyExtAuthzGrpc']] },
);

/** Those of whom AuthorizationPolicies and Telemetry speak by name. */
export const extensionProviders = row(list(provider), 'T1', 'who is asked by CUSTOM');

/** The authorizers among the providers. */
export function lowerProviders(
  written: Infer<typeof extensionProviders>,
  context: LowerContext,
): readonly AuthorizerSpec[] {
  refuseRepeats(
    context,
    written.map(({ name }, index) => [`extensionProviders[${index}].name`, name]),
    'provider',
  );
  return written.flatMap((one, index) => {
    const path = `extensionProviders[${index}]`;
    const { name, envoyExtAuthzHttp: overHttp, envoyExtAuthzGrpc: overGrpc } = one;
    if (overHttp) {
      const shared = lowerCommon(name, overHttp, `${path}.envoyExtAuthzHttp`, context);
      return [{ ...shared, http: lowerHttp(overHttp, `${path}.envoyExtAuthzHttp`, context) }];
    }
    if (overGrpc) return [lowerCommon(name, overGrpc, `${path}.envoyExtAuthzGrpc`, context)];
    context.report(
      'WEFT0002',
      path,
      'expected a kind of provider beside its name',
      'add envoyExtAuthzHttp or envoyExtAuthzGrpc',
    );
    return [];
  });
}

type Common = Infer<typeof http> | NonNullable<Infer<typeof provider>['envoyExtAuthzGrpc']>;

/** An answer that takes longer than this is none; Istio would wait ten minutes. */
const patience = 10_000;

function lowerCommon(name: string, written: Common, path: string, context: LowerContext): AuthorizerSpec {
  const { includeRequestBodyInCheck: sent } = written;
  if (sent?.maxRequestBytes === 0) {
    const field = `${path}.includeRequestBodyInCheck.maxRequestBytes`;
    context.report('WEFT0002', field, 'expected at least 1, got 0', 'remove includeRequestBodyInCheck to send nothing');
  }
  if (written.failOpen === true) {
    const message = `requests pass unasked while ${written.service} does not answer`;
    const hint = 'remove it, and what would be asked about is refused instead (statusOnError says how)';
    context.report('WEFT0169', `${path}.failOpen`, message, hint);
  }
  return present<AuthorizerSpec>({
    name,
    service: written.service,
    port: written.port,
    timeout: written.timeout ?? patience,
    failOpen: written.failOpen ?? false,
    statusOnError: lowerStatus(written.statusOnError ?? '403', `${path}.statusOnError`, context),
    choosesRouteAnew: written.clearRouteCache ?? false,
    body: sent && {
      maxBytes: sent.maxRequestBytes,
      partly: sent.allowPartialMessage ?? false,
      asBytes: sent.packAsBytes ?? false,
    },
    http: undefined,
  });
}

/** Those that Envoy has a name for. */
const statuses = /^(?:10[0]|20[0-8]|226|30[0-578]|4(?:0\d|1[0-7]|2[1-46]|28|29|31)|50[0-8]|51[01])$/;

function lowerStatus(written: string, field: string, context: LowerContext): number {
  if (!statuses.test(written)) {
    const message = `expected a status code of HTTP, got ${JSON.stringify(written)}`;
    context.report('WEFT0002', field, message, 'write "403" or "503"');
  }
  return Number(written);
}

function lowerHttp(written: Infer<typeof http>, path: string, context: LowerContext): HttpAuthorizer {
  const { pathPrefix = '' } = written;
  if (pathPrefix !== '' && !pathPrefix.startsWith('/')) {
    const message = `expected a path that begins with "/", got ${JSON.stringify(pathPrefix)}`;
    context.report('WEFT0002', `${path}.pathPrefix`, message, `write ${JSON.stringify(`/${pathPrefix}`)}`);
  }
  const names = (
    field:
      | 'includeRequestHeadersInCheck'
      | 'headersToUpstreamOnAllow'
      | 'headersToDownstreamOnDeny'
      | 'headersToDownstreamOnAllow',
  ) => (written[field] ?? []).map((name) => name.toLowerCase());
  return {
    pathPrefix,
    seen: names('includeRequestHeadersInCheck'),
    added: mapValues(written.includeAdditionalHeadersInCheck ?? {}, (value) => value),
    toApplication: names('headersToUpstreamOnAllow'),
    toCallerOnDenial: names('headersToDownstreamOnDeny'),
    toCallerOnSuccess: names('headersToDownstreamOnAllow'),
  };
}
