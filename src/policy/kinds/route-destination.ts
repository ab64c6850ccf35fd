import type { RouteDestination } from '../../model/virtual-service.ts';
import type { LowerContext } from '../kind-definition.ts';
import type { Infer } from '../shape.ts';
import { present } from './common.ts';
import type { destination } from './http-shape.ts';

/** The destination of a route as the model has it. */
export function lowerDestination(written: Infer<typeof destination>): RouteDestination['destination'] {
  return present<RouteDestination['destination']>({
    host: written.host,
    subset: written.subset || undefined,
    port: written.port?.number,
  });
}

/** Nobody means every host there is. */
export function checkDestinationHost(
  { host }: Infer<typeof destination>,
  path: string,
  { report }: Pick<LowerContext, 'report'>,
): void {
  if (host !== '*') return;
  report(
    'WEFT0002',
    `${path}.host`,
    'expected the host of a service, got "*"',
    'write the name of the service, such as reviews',
  );
}

/** P15: of several destinations one must have a weight, what has none counts as 0 (WEFT0134), and the sum is what Envoy can count. */
export function checkWeights(
  routes: readonly { readonly weight?: number }[],
  path: string,
  { report }: Pick<LowerContext, 'report'>,
): void {
  if (routes.length > 1 && routes.every(({ weight = 0 }) => weight === 0)) {
    report(
      'WEFT0002',
      path,
      'expected a weight above 0, got none',
      'give each destination its weight, such as 90 and 10',
    );
  } else if (routes.length > 1) {
    routes.forEach(({ weight }, index) => {
      if (weight !== undefined) return;
      report('WEFT0134', `${path}[${index}]`, 'weight missing beside others; it counts as 0', 'write weight');
    });
  }
  const total = routes.reduce((sum, { weight = 0 }) => sum + weight, 0);
  if (total > 2 ** 32 - 1) {
    report('WEFT0002', path, `expected weights with a sum below 2^32, got ${total}`, 'write smaller weights');
  }
}
