import type { RewriteDecision } from '../model/ir-route.ts';
import { splitQuery } from '../resolve/request-path.ts';
import type { CallDecision } from '../resolve/route-decision.ts';
import type { SentRequest } from '../resolve/seen-request.ts';

/** A request as the caller's sidecar sends it on (P13, P18), and what was changed, in words. */
export function sentOn(
  { seen, route }: Extract<CallDecision, { kind: 'request' }>,
  headers: SentRequest['headers'],
  authority: string | undefined,
): { readonly request: SentRequest & { readonly pathUnknown: boolean }; readonly changed: string | undefined } {
  const rewrite = route?.action.kind === 'forward' ? route.action.rewrite?.value : undefined;
  const path = rewrittenPath(seen.path, rewrite, route?.match.path?.value ?? '/');
  const others = headers.filter(([name]) => name.toLowerCase() !== 'host');
  const request = {
    method: seen.method,
    authority: authority ?? seen.authority,
    path: path ?? seen.path,
    headers: others,
    pathUnknown: path === undefined,
  };
  const said = [
    ...(path === undefined ? ['rewrites the path by an expression, so that path rules are not decided here'] : []),
    ...(path !== undefined && path !== seen.path ? [`sends the path ${JSON.stringify(path)}`] : []),
    ...(request.authority === seen.authority ? [] : [`sends the host ${JSON.stringify(request.authority)}`]),
    ...(route?.headers === undefined ? [] : ['changes headers, which are judged here as the program sends them']),
  ];
  return { request, changed: said.length === 0 ? undefined : `${route?.name} ${said.join(', ')}` };
}

/** Undefined: only Envoy knows. */
function rewrittenPath(whole: string, rewrite: RewriteDecision | undefined, matched: string): string | undefined {
  if (rewrite?.pathRegex !== undefined) return undefined;
  if (rewrite?.path === undefined) return whole;
  const { kind, value } = rewrite.path;
  const { path, query } = splitQuery(whole);
  return kind === 'whole' ? `${value}${query}` : `${value}${path.slice(matched.length)}${query}`;
}
