import type { RedirectAction as RedirectDecision } from '../model/ir-route.ts';
import {
  type RedirectAction,
  RedirectAction_RedirectResponseCode,
  RedirectActionSchema,
} from '../proto/gen/envoy/config/route/v3/route_components_pb.ts';
import { message } from '../proto/message.ts';

type Redirect = RedirectDecision['redirect']['value'];

const responseCodes: ReadonlyMap<number, RedirectAction_RedirectResponseCode> = new Map([
  [301, RedirectAction_RedirectResponseCode.MOVED_PERMANENTLY],
  [302, RedirectAction_RedirectResponseCode.FOUND],
  [303, RedirectAction_RedirectResponseCode.SEE_OTHER],
  [307, RedirectAction_RedirectResponseCode.TEMPORARY_REDIRECT],
  [308, RedirectAction_RedirectResponseCode.PERMANENT_REDIRECT],
]);

/** An answer that sends the caller elsewhere (D13); `port` is the service port that was called. */
export function redirectAction(redirect: Redirect, port: number): RedirectAction {
  const responseCode = responseCodes.get(redirect.statusCode);
  if (responseCode === undefined) throw new RangeError(`no redirect has status ${redirect.statusCode}`);
  return message(RedirectActionSchema, {
    responseCode,
    ...(redirect.authority === undefined ? {} : { hostRedirect: redirect.authority }),
    ...(redirect.scheme === undefined
      ? {}
      : { schemeRewriteSpecifier: { case: 'schemeRedirect' as const, value: redirect.scheme } }),
    ...portRedirect(redirect, port),
    pathRewriteSpecifier: pathRewrite(redirect),
  });
}

function pathRewrite({ path, prefixRewrite }: Redirect): RedirectAction['pathRewriteSpecifier'] {
  if (path !== undefined) return { case: 'pathRedirect', value: path };
  if (prefixRewrite !== undefined) return { case: 'prefixRewrite', value: prefixRewrite };
  return { case: undefined };
}

/**
 * Absent: the port stays in the host as it came, or as `authority` says. So it does where the scheme already means the port: nobody
 * writes `:80` behind `http://`, and Istio does not, either.
 */
function portRedirect(redirect: Redirect, requested: number): { portRedirect?: number } {
  const port = redirect.port ?? (redirect.portFrom === 'request' ? requested : undefined);
  const standard = redirect.scheme === 'https' ? 443 : 80;
  return port === undefined || port === standard ? {} : { portRedirect: port };
}
