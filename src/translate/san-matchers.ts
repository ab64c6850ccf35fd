import { isIP } from 'node:net';
import {
  type SubjectAltNameMatcher,
  SubjectAltNameMatcher_SanType,
  SubjectAltNameMatcherSchema,
} from '../proto/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.ts';
import type { StringMatcher } from '../proto/gen/envoy/type/matcher/v3/string_pb.ts';
import { message } from '../proto/message.ts';
import { stringMatcher } from './text-matcher.ts';

/** Stands where no peer is accepted: Envoy takes an empty list of names as "any name", and no certificate holds this one (P36). */
const nobody = stringMatcher({ kind: 'exact', value: 'weft:nobody' });

/** The SPIFFE IDs that a peer's certificate may hold: one of them, or none at all where the list is empty. */
export function sanMatchers(accepted: readonly StringMatcher[]): SubjectAltNameMatcher[] {
  return (accepted.length === 0 ? [nobody] : accepted).map((matcher) =>
    message(SubjectAltNameMatcherSchema, { sanType: SubjectAltNameMatcher_SanType.URI, matcher }),
  );
}

/** The names that a server's certificate may hold, each of the kind that it looks like: one of them, or none at all (P48). */
export function serverMatchers(names: readonly string[]): SubjectAltNameMatcher[] {
  if (names.length === 0) return sanMatchers([]);
  return names.map((name) =>
    message(SubjectAltNameMatcherSchema, {
      sanType: sanTypeOf(name),
      matcher: stringMatcher({ kind: 'exact', value: name }),
    }),
  );
}

function sanTypeOf(name: string): SubjectAltNameMatcher_SanType {
  if (name.includes('://')) return SubjectAltNameMatcher_SanType.URI;
  if (isIP(name) !== 0) return SubjectAltNameMatcher_SanType.IP_ADDRESS;
  return name.includes('@') ? SubjectAltNameMatcher_SanType.EMAIL : SubjectAltNameMatcher_SanType.DNS;
}
