import type { ConsistentHash, HashKey } from '../../model/load-balancer.ts';
import type { LowerContext } from '../kind-definition.ts';
import type { Infer } from '../shape.ts';
import { anyText, bool, deprecated, duration, integer, list, object, row, text } from '../shape-builders.ts';
import { textRules } from '../text-rules.ts';
import { present } from './common.ts';

/** 64 bits in Istio; larger numbers than these cannot be told apart here, and no ring is that large. */
const size = integer(0, Number.MAX_SAFE_INTEGER);

const cookie = object(
  {
    name: text(),
    path: anyText,
    ttl: duration(0),
    attributes: list(object({ name: text(), value: anyText }, { required: ['name'] }), { unique: 'name' }),
  },
  { required: ['name'] },
);

export const consistentHash = object(
  {
    httpHeaderName: row(anyText, 'T1', 'hash policy of the routes: header'),
    httpCookie: row(cookie, 'T1', 'hash policy of the routes: cookie, made where there is a ttl'),
    useSourceIp: row(bool, 'T1', 'hash policy of the routes and of tcp_proxy: source IP'),
    httpQueryParameterName: row(anyText, 'T1', 'hash policy of the routes: query parameter'),
    ringHash: row(object({ minimumRingSize: size }), 'T1', 'ring hash', 'D9'),
    maglev: row(object({ tableSize: integer(1, 5_000_010) }, { required: ['tableSize'] }), 'T1', 'maglev', 'D9'),
    minimumRingSize: deprecated(size, 'ringHash.minimumRingSize'),
  },
  {
    exclusive: [
      ['httpHeaderName', 'httpCookie', 'useSourceIp', 'httpQueryParameterName'],
      ['ringHash', 'maglev', 'minimumRingSize'],
    ],
  },
);

type Written = Infer<typeof consistentHash>;

/** P27. A ring of 0 is one of the usual size (D9). What Envoy would refuse is refused here, where it stands. */
export function lowerConsistentHash(written: Written, path: string, context: LowerContext): ConsistentHash {
  const key = lowerKey(written, path, context);
  if (key === undefined) {
    const message = 'has no effect on where requests go without httpHeaderName, httpCookie, useSourceIp: true or ';
    context.report('WEFT0132', path, `${message}httpQueryParameterName`, 'write what the requests are told apart by');
  }
  return present<ConsistentHash>({ key, algorithm: lowerAlgorithm(written, path, context) });
}

/** Envoy makes no larger ring, 8 Mi entries, whatever it is asked for. */
const largestRing = 8 * 1024 * 1024;

/** What the pinned Envoy holds for each entry of a ring: its hash, and whom it means. */
const entryBytes = 24;

/** From here on the memory of a ring is told (WEFT0143): 6 MiB, where a whole cluster else takes some 30 KiB. */
const largeRing = 256 * 1024;

function lowerAlgorithm(written: Written, path: string, context: LowerContext): ConsistentHash['algorithm'] {
  const { ringHash, maglev, minimumRingSize: old } = written;
  if (maglev !== undefined) {
    const { tableSize } = maglev;
    if (!isPrime(tableSize)) {
      const message = `expected a prime number, got ${tableSize}`;
      context.report('WEFT0002', `${path}.maglev.tableSize`, message, `write ${nextPrime(tableSize)}, the next one`);
    }
    return { kind: 'table', size: tableSize };
  }
  const ring = ringHash?.minimumRingSize ?? old ?? 0;
  if (ring > largestRing) {
    const field = ringHash === undefined ? 'minimumRingSize' : 'ringHash.minimumRingSize';
    context.refuse(`${path}.${field}`, 'never', `${ring}`, {
      reason: `Envoy's rings have at most ${largestRing} entries`,
    });
  }
  if (ring >= largeRing && ring <= largestRing) {
    const field = ringHash === undefined ? 'minimumRingSize' : 'ringHash.minimumRingSize';
    const size = `${Math.round((ring * entryBytes) / (1024 * 1024))} MiB`;
    const message = `a ring of ${ring} entries takes ${size} in each proxy that may call this host, for every port and subset, twice that while it is made anew`;
    context.report('WEFT0143', `${path}.${field}`, message, 'write about 100 for each endpoint; 1024 is the default');
  }
  return ring === 0 ? undefined : { kind: 'ring', size: ring };
}

function lowerKey(written: Written, path: string, context: LowerContext): HashKey | undefined {
  const { httpHeaderName: header, httpCookie, useSourceIp, httpQueryParameterName: query } = written;
  if (header !== undefined) {
    if (textRules['header-name'](header) !== undefined) refuseText(context, `${path}.httpHeaderName`, header);
    return { on: 'header', name: header };
  }
  if (query !== undefined) {
    if (query === '') refuseText(context, `${path}.httpQueryParameterName`, query);
    return { on: 'query', name: query };
  }
  if (httpCookie !== undefined) return lowerCookie(httpCookie, `${path}.httpCookie`, context);
  return useSourceIp === true ? { on: 'source-address' } : undefined;
}

/** A cookie's parts are written into a header that browsers cut at semicolons and commas. */
function lowerCookie(written: Infer<typeof cookie>, path: string, context: LowerContext): HashKey {
  const { name, path: cookiePath, ttl, attributes = [] } = written;
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name)) refuseText(context, `${path}.name`, name);
  const texts = attributes.flatMap((attribute, index) => {
    const at = `${path}.attributes[${index}]`;
    return [[`${at}.name`, attribute.name] as const, [`${at}.value`, attribute.value ?? ''] as const];
  });
  for (const [field, value] of [[`${path}.path`, cookiePath ?? ''] as const, ...texts])
    if (/[^\x20-\x7e]|;/.test(value) || value.length > 4096) refuseText(context, field, value);
  return {
    on: 'cookie',
    name,
    ...(cookiePath ? { path: cookiePath } : {}),
    ...(ttl === undefined ? {} : { ttl }),
    attributes: attributes.map((attribute) => ({ name: attribute.name, value: attribute.value ?? '' })),
  };
}

function refuseText(context: LowerContext, field: string, value: string): void {
  context.refuse(field, 'never', value);
}

function isPrime(number: number): boolean {
  if (number < 2) return false;
  for (let factor = 2; factor * factor <= number; factor += 1) if (number % factor === 0) return false;
  return true;
}

function nextPrime(number: number): number {
  let next = number + 1;
  while (!isPrime(next)) next += 1;
  return next;
}
