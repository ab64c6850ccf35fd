import type { PolicyPlace, ProxyStatus } from '../model/status.ts';
import { xdsTypes } from '../model/status.ts';
import type { Refusal } from '../proto/gen/weft/v1/membership_pb.ts';

/** One resource that a proxy does not get, as its sidecar hears of it. */
export type ProxyRefusal = Pick<Refusal, 'type' | 'resource' | 'message' | 'at' | 'file' | 'line' | 'commit'>;

/** What a proxy is kept from, resource by resource: what it or an equal one refused, and what only its own machine cannot take. */
export function proxyRefusals(proxy: ProxyStatus | undefined): readonly ProxyRefusal[] {
  if (proxy === undefined) return [];
  return xdsTypes.flatMap((type) => {
    const { error, withheld = [] } = proxy.types[type];
    const known = new Set(withheld.map(({ resource }) => resource));
    const own = error?.resources.filter((resource) => !known.has(resource)) ?? [];
    return [
      ...withheld.map(({ resource, message, at, source }) => ({ type, resource, message, at, ...place(source) })),
      ...own.map((resource) => ({
        type,
        resource,
        message: error?.message ?? '',
        at: error?.at ?? '',
        ...place(error?.source),
      })),
    ];
  });
}

function place(source: PolicyPlace | undefined) {
  return { file: source?.file ?? '', line: source?.line ?? 0, commit: source?.commit ?? '' };
}
