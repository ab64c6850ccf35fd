import type { CorsPolicy } from '../../model/virtual-service.ts';
import type { LowerContext } from '../kind-definition.ts';
import type { Infer } from '../shape.ts';
import { anyText, bool, choice, deprecated, duration, list, object, row, text } from '../shape-builders.ts';
import { beside, lowerStringMatch, present } from './common.ts';

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', '*'] as const;

/** Names of headers, or `*`. */
const headerNames = list(text('header-name'));

/** Here no part of a condition may be empty, and there must be one. */
const origin = object(
  { exact: text(), prefix: text(), regex: text('regex') },
  { oneOf: [['exact', 'prefix', 'regex']] },
);

export const corsPolicy = object({
  allowOrigins: row(list(origin), 'T1', 'allow_origin_string_match'),
  allowOrigin: deprecated(list(anyText), 'allowOrigins[].exact'),
  allowMethods: row(list(choice(methods)), 'T1', 'access-control-allow-methods'),
  allowHeaders: row(headerNames, 'T1', 'access-control-allow-headers'),
  exposeHeaders: row(headerNames, 'T1', 'access-control-expose-headers'),
  maxAge: row(duration(1000, undefined, 1000), 'T1', 'access-control-max-age'),
  allowCredentials: row(bool, 'T1', 'access-control-allow-credentials'),
  unmatchedPreflights: row(choice(['UNSPECIFIED', 'FORWARD', 'IGNORE']), 'T1', 'forward_not_matching_preflights'),
});

/** CORS of one rule at `path`. The older `allowOrigin` holds exact origins, and nothing beside `allowOrigins`. */
export function lowerCors(written: Infer<typeof corsPolicy>, path: string, context: LowerContext): CorsPolicy {
  const { allowOrigins, allowOrigin, allowHeaders = [], exposeHeaders = [], unmatchedPreflights } = written;
  if (allowOrigins !== undefined && allowOrigin !== undefined) {
    const message = 'has no effect beside allowOrigins';
    context.report('WEFT0132', `${path}.allowOrigin`, message, 'remove it', beside(context, path, 'allowOrigins'));
  }
  for (const [field, names] of Object.entries({ allowHeaders, exposeHeaders })) {
    names.forEach((name, index) => {
      if (!name.startsWith(':')) return;
      const message = `expected the name of a header, got ${JSON.stringify(name)}`;
      context.report('WEFT0002', `${path}.${field}[${index}]`, message, 'name headers of HTTP/1, or "*"');
    });
  }
  return present<CorsPolicy>({
    allowOrigins:
      allowOrigins?.map(lowerStringMatch) ?? (allowOrigin ?? []).map((value) => ({ kind: 'exact' as const, value })),
    allowMethods: written.allowMethods ?? [],
    allowHeaders,
    exposeHeaders,
    maxAge: written.maxAge,
    allowCredentials: written.allowCredentials,
    unmatchedPreflights: unmatchedPreflights === 'IGNORE' ? 'IGNORE' : 'FORWARD',
  });
}
