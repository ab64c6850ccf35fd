import { isIP } from 'node:net';
import type { WorkloadEntryObject } from '../../model/policy.ts';
import type { Locality, WorkloadEntrySpec } from '../../model/registry-objects.ts';
import { type LowerContext, networking, supportedKind } from '../kind-definition.ts';
import { count, type Infer, labels, map, object, port, refused, row, text } from '../shape.ts';
import { textRules } from '../text-rules.ts';
import { checkLabelName, present } from './common.ts';

/** The body of a WorkloadEntry, also inline in a ServiceEntry. */
export const workloadEntryShape = object(
  {
    address: row(text(), 'T0', 'where it listens: IP address or DNS name'),
    ports: row(map('label', port), 'T0', 'its port for a port name of a service'),
    labels: row(labels, 'T0', 'what selectors see'),
    network: row(refused('T2'), 'T2', 'network gateway'),
    locality: row(text(), 'T0', 'locality of the endpoint'),
    weight: row(count, 'T0', 'load_balancing_weight'),
    serviceAccount: row(text('label'), 'T0', 'identity that callers expect'),
  },
  { required: ['address'] },
);

/** `region/zone/subzone`; missing parts are empty. */
function lowerLocality(written: string): Locality {
  const [region = '', zone = '', subzone = ''] = written.split('/');
  return { region, zone, subzone };
}

/** The body at `path`; `labels` are those that win over its own. */
export function lowerWorkloadEntry(
  written: Infer<typeof workloadEntryShape>,
  path: string,
  outer: Readonly<Record<string, string>>,
  context: LowerContext,
): WorkloadEntrySpec {
  const { address } = written;
  if (address.startsWith('unix://')) context.refuse(`${path}.address`, 'T1', address);
  else if (isIP(address) === 0 && (textRules.host(address) || address.includes('*'))) {
    const message = `expected an IP address or a host name, got ${JSON.stringify(address)}`;
    context.report(
      'WEFT0002',
      `${path}.address`,
      message,
      address.includes(':') ? 'the port stands under ports' : 'correct the address',
    );
  }
  if (written.locality !== undefined && !/^[^/]+(?:\/[^/]+){0,2}$/.test(written.locality)) {
    const message = `expected region/zone/subzone, got ${JSON.stringify(written.locality)}`;
    context.report('WEFT0002', `${path}.locality`, message, 'write region, region/zone or region/zone/subzone');
  }
  return present<WorkloadEntrySpec>({
    address: isIP(address) === 0 ? address.toLowerCase().replace(/\.$/, '') : address,
    ports: written.ports ?? {},
    labels: { ...written.labels, ...outer },
    serviceAccount: written.serviceAccount,
    locality: written.locality === undefined ? undefined : lowerLocality(written.locality),
    weight: written.weight,
  });
}

/** WorkloadEntry: a workload that is written down. `network` and unix sockets are refused by name. */
export const workloadEntry = supportedKind<typeof workloadEntryShape, WorkloadEntryObject>({
  kind: 'WorkloadEntry',
  apiVersions: networking,
  spec: workloadEntryShape,
  lower(spec, context) {
    checkLabelName(context);
    for (const key of Object.keys(context.labels)) context.place(`spec.labels.${key}`, `metadata.labels.${key}`);
    return lowerWorkloadEntry(spec, 'spec', context.labels, context);
  },
});
