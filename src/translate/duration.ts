import { type Duration, DurationSchema } from '@bufbuild/protobuf/wkt';
import type { Millis } from '../model/policy.ts';
import { message } from '../proto/message.ts';

/** A protobuf Duration of whole milliseconds. */
export function durationOf(millis: Millis): Duration {
  const seconds = Math.trunc(millis / 1000);
  return message(DurationSchema, { seconds: BigInt(seconds), nanos: Math.round((millis - seconds * 1000) * 1e6) });
}
