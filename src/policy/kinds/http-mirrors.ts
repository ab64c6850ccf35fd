import type { Mirror } from '../../model/virtual-service.ts';
import type { LowerContext } from '../kind-definition.ts';
import type { Infer } from '../shape.ts';
import { beside } from './common.ts';
import type { httpRule } from './http-shape.ts';
import { lowerDestination } from './route-destination.ts';

/** `mirror` becomes the one entry of `mirrors`; without a percentage all requests are mirrored, with an empty one none (D13, P17). */
export function lowerMirrors(rule: Infer<typeof httpRule>, path: string, context: LowerContext): readonly Mirror[] {
  const { mirror, mirrors = [], mirrorPercentage, mirrorPercent } = rule;
  for (const field of ['mirrorPercentage', 'mirrorPercent'] as const) {
    if (rule[field] === undefined) continue;
    const instead = mirror === undefined ? 'without mirror' : 'beside mirrorPercentage';
    if (mirror !== undefined && (field === 'mirrorPercentage' || mirrorPercentage === undefined)) continue;
    const related = mirror === undefined ? {} : beside(context, path, 'mirrorPercentage');
    context.report('WEFT0132', `${path}.${field}`, `has no effect ${instead}`, 'remove it', related);
  }
  if (mirror) {
    context.place(`${path}.mirrors[0]`, `${path}.mirror`);
    context.place(`${path}.mirrors[0].destination`, `${path}.mirror`);
    for (const part of ['host', 'subset', 'port'])
      context.place(`${path}.mirrors[0].destination.${part}`, `${path}.mirror.${part}`);
    const written = mirrorPercentage ? 'mirrorPercentage' : 'mirrorPercent';
    context.place(`${path}.mirrors[0].percentage`, `${path}.${written}`);
    const percentage = mirrorPercentage ? (mirrorPercentage.value ?? 0) : (mirrorPercent ?? 100);
    return [{ destination: lowerDestination(mirror), percentage }];
  }
  return mirrors.map(({ destination, percentage }) => ({
    destination: lowerDestination(destination),
    percentage: percentage ? (percentage.value ?? 0) : 100,
  }));
}
