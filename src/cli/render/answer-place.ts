import type { AnswerPlace } from '../../model/route-answer.ts';

/** `policies/authz.yaml:9`, `default:D14`. */
export function answerPlaceText(place: AnswerPlace): string {
  return 'default' in place ? `default:${place.default}` : `${place.file}:${place.line}`;
}
