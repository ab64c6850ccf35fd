import {
  type FractionalPercent,
  FractionalPercent_DenominatorType,
  FractionalPercentSchema,
} from '../proto/gen/envoy/type/v3/percent_pb.ts';
import { message } from '../proto/message.ts';

/** A share of 0 to 100 in millionths; what is finer than four decimals is cut off. First to eight decimals: 0.57 times 10,000 is not 5,700. */
export function fractionalPercent(percentage: number): FractionalPercent {
  return message(FractionalPercentSchema, {
    numerator: Math.floor(Math.round(percentage * 1e8) / 1e4),
    denominator: FractionalPercent_DenominatorType.MILLION,
  });
}
