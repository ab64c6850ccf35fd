import type { AuthorizationAnswer } from './authorization-answer.ts';
import type { AnswerPlace, RouteAnswer } from './route-answer.ts';

/** One thing that `weft check` looked at. */
export interface CheckLine {
  /** `knows`, `route`, `mTLS`, `authz` */
  readonly name: string;
  readonly result: 'good' | 'warning' | 'bad';
  readonly text: string;
  readonly detail?: string;
  readonly by?: AnswerPlace;
  /** What to do about it. */
  readonly fix?: string;
}

/** The way of a call from one workload to another, looked at step by step. */
export interface PairCheck {
  readonly from: string;
  readonly to: string;
  readonly lines: readonly CheckLine[];
  readonly route: RouteAnswer;
  readonly authorization: AuthorizationAnswer;
}
