import { isIP } from 'node:net';
import type { RequestAuthenticationObject } from '../../model/policy.ts';
import type { RequestAuthenticationSpec, TokenKeys, TokenRule } from '../../model/security-policy.ts';
import { keySetProblem } from '../json-web-keys.ts';
import { type LowerContext, securityVersions, supportedKind } from '../kind-definition.ts';
import type { Infer } from '../shape.ts';
import { anyText, bool, duration, list, object, refused, row, text } from '../shape-builders.ts';
import { textRules } from '../text-rules.ts';
import { matchLabels, present } from './common.ts';
import { oneTarget, targets } from './target-ref.ts';

const everyWorkload = 'remove the object; without this it would act on every workload of its namespace';
const onlyRules = 'remove it, and demand a token by an AuthorizationPolicy: requestPrincipals: ["*"]';

/** Envoy counts the seconds of this one in 32 bits. */
const longestFetch = (2 ** 32 - 1) * 1_000;

const jwtRule = object(
  {
    issuer: text(),
    audiences: list(text()),
    jwks: text('free', { allowEmpty: true }),
    jwksUri: text('http-url', { maxLength: 2048 }),
    fromHeaders: list(object({ name: text('header-name'), prefix: anyText }, { required: ['name'] })),
    fromParams: list(text()),
    fromCookies: list(text()),
    forwardOriginalToken: bool,
    outputPayloadToHeader: text('header-name', { allowEmpty: true }),
    outputClaimToHeaders: list(
      object({ header: text('plain-header-name'), claim: text() }, { required: ['header', 'claim'] }),
    ),
    timeout: duration(1, longestFetch),
    spaceDelimitedClaims: list(text(), { max: 64 }),
    presence: row(refused('T2', text(), { hint: onlyRules }), 'T2', 'whether a token must be there'),
  },
  { exclusive: [['jwks', 'jwksUri']], required: ['issuer'] },
);

const shape = object(
  {
    selector: row(matchLabels, 'T1', 'which workloads'),
    targetRef: row(refused('T2', targets.targetRef, { hint: everyWorkload }), 'T2', 'a gateway of the Gateway API'),
    targetRefs: row(refused('T2', targets.targetRefs, { hint: everyWorkload }), 'T2', 'gateways of the Gateway API'),
    jwtRules: row(list(jwtRule, { max: 4096 }), 'T1', 'jwt_authn, by ECDS', 'D23'),
  },
  { exclusive: [oneTarget] },
);

/** RequestAuthentication (P44, P49). */
export const requestAuthentication = supportedKind<typeof shape, RequestAuthenticationObject>({
  kind: 'RequestAuthentication',
  apiVersions: securityVersions,
  security: true,
  spec: shape,
  lower(spec, context) {
    const labels = spec.selector?.matchLabels ?? {};
    return present<RequestAuthenticationSpec>({
      selector: Object.keys(labels).length > 0 ? labels : undefined,
      rules: (spec.jwtRules ?? []).map((written, index) => lowerRule(written, `spec.jwtRules[${index}]`, context)),
    });
  },
});

type Written = Infer<typeof jwtRule>;

function lowerRule(written: Written, path: string, context: LowerContext): TokenRule {
  const payload = written.outputPayloadToHeader || undefined;
  if (payload !== undefined) checkHeader(payload, `${path}.outputPayloadToHeader`, context);
  if ((written.audiences ?? []).length === 0) {
    const message = `tokens of ${written.issuer} for any audience are taken, those for other services, too`;
    const hint = 'add audiences with the name by which the issuer knows this service (aud)';
    context.report('WEFT0168', path, message, hint);
  }
  const claims = written.outputClaimToHeaders ?? [];
  claims.forEach(({ header }, index) => {
    checkHeader(header, `${path}.outputClaimToHeaders[${index}].header`, context);
  });
  return present<TokenRule>({
    issuer: written.issuer,
    audiences: written.audiences ?? [],
    keys: lowerKeys(written, path, context),
    fromHeaders: (written.fromHeaders ?? []).map(({ name, prefix = '' }) => ({ name, prefix })),
    fromParams: written.fromParams ?? [],
    fromCookies: written.fromCookies ?? [],
    forwardOriginalToken: written.forwardOriginalToken ?? false,
    outputPayloadToHeader: payload,
    outputClaimToHeaders: claims,
    spaceDelimitedClaims: written.spaceDelimitedClaims ?? [],
  });
}

/** Headers by which a message is read or led: a claim must not be able to say them. */
const framing =
  /^(?::.*|host|connection|content-length|transfer-encoding|te|trailer|upgrade|keep-alive|proxy-connection)$/i;

function checkHeader(name: string, field: string, context: LowerContext): void {
  if (!framing.test(name)) return;
  const message = `expected a header that may be changed here, got ${JSON.stringify(name)}`;
  context.report('WEFT0002', field, message, 'write a header of your own, x-jwt-… for example');
}

function lowerKeys(written: Written, path: string, context: LowerContext): TokenKeys {
  const { jwks = '', jwksUri, timeout } = written;
  if (jwksUri !== undefined) return lowerUri(jwksUri, timeout ?? 5_000, `${path}.jwksUri`, context);
  if (jwks === '') {
    // The issuer would be asked where its keys are: by the control plane, which calls nobody that a policy names (T23).
    context.refuse(path, 'T2', 'a rule without jwks and jwksUri', {
      reason: 'nobody asks the issuer where its keys are',
      hint: `write the jwks_uri of ${written.issuer}/.well-known/openid-configuration as jwksUri`,
    });
    return { kind: 'inline', jwks };
  }
  const problem = keySetProblem(jwks);
  if (problem !== undefined) context.report('WEFT0002', `${path}.jwks`, problem.message, problem.hint);
  if (timeout !== undefined)
    context.report('WEFT0132', `${path}.timeout`, 'has no effect: keys that stand here are not fetched', 'remove it');
  return { kind: 'inline', jwks };
}

/** T23: keys come from a name, of a service or of a server that proves to be it. */
function lowerUri(written: string, timeout: number, field: string, context: LowerContext): TokenKeys {
  const url = new URL(written);
  // The forms of an address are many (127.1, 0x7f000001, [::ffff:7f00:1]); here all are one.
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const wrong = host.startsWith('*') ? 'the name of one host' : textRules['host-name'](host);
  if (isIP(host) !== 0 || /(?:^|\.)localhost\.?$/.test(host)) {
    const hint = 'declare a ServiceEntry with a host and this address as its endpoint, and name that host';
    context.refuse(field, 'T2', `keys at the address ${host}`, { hint });
  } else if (wrong !== undefined)
    context.report(
      'WEFT0002',
      field,
      `expected ${wrong}, got ${JSON.stringify(host)}`,
      'write a URL such as https://issuer.example/keys',
    );
  else if (url.username !== '' || url.password !== '')
    context.report(
      'WEFT0002',
      field,
      'expected a URL without user and password',
      'write it without them: the keys of an issuer are public',
    );
  else if (url.port === '0')
    context.report(
      'WEFT0002',
      field,
      'expected a port from 1 to 65535, got 0',
      'write the port of the server, or leave it out',
    );
  url.hash = '';
  return { kind: 'remote', uri: url.href, timeout };
}
