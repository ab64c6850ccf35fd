import { type Duration, DurationSchema } from '@bufbuild/protobuf/wkt';
import { message } from '../proto/message.ts';

/** A protobuf duration of so many seconds, exact to the millisecond. */
export function seconds(value: number): Duration {
  const millis = Math.round(value * 1000);
  return message(DurationSchema, { seconds: BigInt(Math.floor(millis / 1000)), nanos: (millis % 1000) * 1_000_000 });
}
