import { nearestName } from '../../model/nearest-name.ts';
import type { VirtualServiceObject } from '../../model/policy.ts';
import type { Destination } from '../../model/virtual-service.ts';
import {
  placeOf,
  type ReferenceScope,
  relatedTo,
  reportAt,
  reportNoService,
  rulesFor,
  serviceOf,
} from './reference-scope.ts';

/** WEFT0101, WEFT0112, WEFT0113 (P14) and WEFT0173. `field` may be that of a single `mirror`, which has the same place. */
export function checkDestination(
  scope: ReferenceScope,
  object: VirtualServiceObject,
  field: string,
  destination: Destination,
  called: readonly number[],
): void {
  const { host, port, subset } = destination;
  const service = serviceOf(scope, object, host);
  if (!service) {
    reportNoService(scope, 'WEFT0101', object, `${field}.host`, host, scope.workloads ? 'error' : 'warning');
    return;
  }
  const numbers = service.ports.map(({ number }) => number);
  if (port !== undefined && !numbers.includes(port)) {
    reportAt(
      scope,
      'WEFT0113',
      object,
      `${field}.port.number`,
      `${host} has no port ${port}`,
      `ports: ${numbers.join(', ')}`,
    );
  }
  const unclear = called.filter((number) => !numbers.includes(number));
  if (port === undefined && numbers.length > 1 && unclear.length > 0) {
    const message = `${host} has several ports; the destination names none`;
    reportAt(scope, 'WEFT0112', object, `${field}.host`, message, `add port.number: one of ${numbers.join(', ')}`);
  }
  if (subset === undefined) return;
  const rules = rulesFor(scope, service, object.namespace);
  const names = rules.flatMap((rule) => rule.spec.subsets.map(({ name }) => name));
  if (names.includes(subset)) return;
  const [rule] = rules;
  const near = nearestName(subset, names);
  const hint = rule
    ? `${near ? `did you mean ${JSON.stringify(near)}? ` : ''}defined: ${names.join(', ') || 'none'} at ${placeOf(rule, 'spec.subsets')}`
    : `add a DestinationRule for ${host} with this subset`;
  const message = `subset ${JSON.stringify(subset)} of ${host} is not defined`;
  reportAt(
    scope,
    'WEFT0173',
    object,
    `${field}.subset`,
    message,
    hint,
    rule ? { related: relatedTo(rule, 'spec.subsets', 'subsets') } : {},
  );
}
