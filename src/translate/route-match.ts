import type { RouteMatch as RouteCondition } from '../model/ir-route.ts';
import {
  type QueryParameterMatcher,
  QueryParameterMatcherSchema,
  type RouteMatch,
  RouteMatchSchema,
} from '../proto/gen/envoy/config/route/v3/route_components_pb.ts';
import { message } from '../proto/message.ts';
import { headerMatcher, regexMatcher, stringMatcher } from './text-matcher.ts';

/** Which requests a route takes; the path without its query (P11, P12). */
export function routeMatch(match: RouteCondition): RouteMatch {
  const { path } = match;
  return message(RouteMatchSchema, {
    pathSpecifier: pathSpecifier(path),
    ...(path?.ignoreCase === true && path.kind !== 'regex' ? { caseSensitive: false } : {}),
    headers: [
      ...(match.method === undefined ? [] : [headerMatcher(':method', match.method)]),
      ...(match.authority === undefined ? [] : [headerMatcher(':authority', match.authority)]),
      ...(match.scheme === undefined ? [] : [headerMatcher(':scheme', match.scheme)]),
      ...match.headers.map((header) => headerMatcher(header.name, header.match, { absent: header.absent })),
    ],
    queryParameters: match.query.map(queryMatcher),
  });
}

function pathSpecifier(path: RouteCondition['path']): RouteMatch['pathSpecifier'] {
  if (path === undefined) return { case: 'prefix', value: '/' };
  switch (path.kind) {
    case 'exact':
      return { case: 'path', value: path.value };
    case 'prefix':
      return { case: 'prefix', value: path.value };
    case 'regex':
      return { case: 'safeRegex', value: regexMatcher(path.value) };
    default:
      return path.kind satisfies never;
  }
}

function queryMatcher({ name, match }: RouteCondition['query'][number]): QueryParameterMatcher {
  return message(QueryParameterMatcherSchema, {
    name,
    queryParameterMatchSpecifier:
      match.kind === 'present'
        ? { case: 'presentMatch', value: true }
        : { case: 'stringMatch', value: stringMatcher(match) },
  });
}
