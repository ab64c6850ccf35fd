import { Failure } from '../model/failure.ts';
import type { Labels } from '../model/policy.ts';

/** The values of `--label`, besides those that another flag has said. Throws Failure WEFT0912 for what is no label or said twice. */
export function readLabels(given: readonly string[], said: Labels = {}): Labels {
  const labels = { ...said };
  for (const text of given) {
    const [, key = '', value = ''] = /^([A-Za-z0-9][A-Za-z0-9./_-]{0,252})=([A-Za-z0-9._-]{0,63})$/.exec(text) ?? [];
    if (key === '') throw wrong(text, 'is not a label', 'as tier=backend');
    if (labels[key] !== undefined && labels[key] !== value)
      throw wrong(text, `contradicts "${key}=${labels[key]}"`, 'say each label once');
    labels[key] = value;
  }
  return labels;
}

function wrong(text: string, why: string, hint: string): Failure {
  return new Failure('WEFT0912', `--label "${text}" ${why}`, hint);
}
