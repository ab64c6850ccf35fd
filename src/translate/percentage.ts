import {
  type FractionalPercent,
  FractionalPercent_DenominatorType,
  FractionalPercentSchema,
} from '../proto/gen/envoy/type/v3/percent_pb.ts';
import { message } from '../proto/message.ts';

/** A share of 0 to 100 with up to four decimals, in millionths. */
export function fractionalPercent(percentage: number): FractionalPercent {
  return message(FractionalPercentSchema, {
    numerator: Math.round(percentage * 10_000),
    denominator: FractionalPercent_DenominatorType.MILLION,
  });
}
