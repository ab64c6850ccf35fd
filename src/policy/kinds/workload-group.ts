import { isLabel } from '../../model/identity.ts';
import { parseLocality } from '../../model/locality.ts';
import type { WorkloadGroupObject } from '../../model/policy.ts';
import type { WorkloadGroupSpec, WorkloadTemplate } from '../../model/workload-group.ts';
import { type LowerContext, networking, supportedKind } from '../kind-definition.ts';
import type { Infer } from '../shape.ts';
import { labels, map, object, row, text } from '../shape-builders.ts';
import { checkLabelName, present } from './common.ts';
import { workloadTemplate } from './workload-entry.ts';
import { lowerProbe, probe } from './workload-probe.ts';

const shape = object(
  {
    metadata: row(
      object({ labels, annotations: map('any', text('free', { allowEmpty: true })) }),
      'T0',
      'labels of the joining workloads',
    ),
    template: row(workloadTemplate, 'T0', 'what a joining proxy becomes'),
    probe: row(probe, 'T0', 'readiness: health of the endpoint'),
  },
  { required: ['template'] },
);

/** WorkloadGroup (section 2): what its joining workloads become, and how their health is found. */
export const workloadGroup = supportedKind<typeof shape, WorkloadGroupObject>({
  kind: 'WorkloadGroup',
  apiVersions: networking,
  spec: shape,
  lower(spec, context) {
    checkLabelName(context);
    return present<WorkloadGroupSpec>({
      template: lowerTemplate(spec, context),
      annotations: spec.metadata?.annotations ?? {},
      probe: spec.probe && lowerProbe(spec.probe),
    });
  },
});

function lowerTemplate({ template, metadata }: Infer<typeof shape>, context: LowerContext): WorkloadTemplate {
  const { address, serviceAccount, locality, weight, ports = {} } = template;
  if (address !== undefined) {
    const message = 'the address of a template acts on nothing: each workload has the one at which it joins';
    context.report('WEFT0132', 'spec.template.address', message, 'remove it');
  }
  // It becomes a part of a SPIFFE ID, whose parts are labels here.
  if (serviceAccount && !isLabel(serviceAccount)) {
    context.refuse('spec.template.serviceAccount', 'T2', serviceAccount, { hint: 'give it an account without dots' });
  }
  return present<WorkloadTemplate>({
    labels: { ...template.labels, ...metadata?.labels },
    ports,
    serviceAccount: serviceAccount || undefined,
    locality: locality ? parseLocality(locality) : undefined,
    weight,
  });
}
