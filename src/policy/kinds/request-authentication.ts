import { refusedKind, securityVersions } from '../kind-definition.ts';
import { anyText, bool, duration, list, object, row, text } from '../shape-builders.ts';
import { matchLabels } from './common.ts';
import { oneTarget, targets } from './target-ref.ts';

const jwtRule = object(
  {
    issuer: text(),
    audiences: list(text()),
    jwks: text('free', { allowEmpty: true }),
    jwksUri: text('http-url', { maxLength: 2048 }),
    fromHeaders: list(object({ name: text(), prefix: anyText }, { required: ['name'] })),
    fromParams: list(text()),
    fromCookies: list(text()),
    forwardOriginalToken: bool,
    outputPayloadToHeader: anyText,
    outputClaimToHeaders: list(
      object({ header: text('plain-header-name'), claim: text() }, { required: ['header', 'claim'] }),
    ),
    timeout: duration(1),
    spaceDelimitedClaims: list(text(), { max: 64 }),
    presence: row(text(), 'T2', 'whether a token must be there'),
  },
  { exclusive: [['jwks', 'jwksUri']], atLeastOne: [['issuer', 'jwksUri']] },
);

/** RequestAuthentication (P49), refused as a whole for now. */
export const requestAuthentication = refusedKind(
  'RequestAuthentication',
  securityVersions,
  'T1',
  object(
    {
      selector: row(matchLabels, 'T1', 'which workloads'),
      ...targets,
      jwtRules: row(list(jwtRule, { max: 4096 }), 'T1', 'jwt_authn', 'D23'),
    },
    { exclusive: [oneTarget] },
  ),
  { security: true, hint: 'remove it where the application checks tokens itself: without it any token passes' },
);
