import { networking, refusedKind } from '../kind-definition.ts';
import { anyText, choice, integer, labels, list, map, object, port, row, someOf, text } from '../shape-builders.ts';
import { workloadTemplate } from './workload-entry.ts';

const times = integer(0, 2 ** 31 - 1);
const header = object({ name: text('plain-header-name'), value: anyText });
/** Istio reads an empty scheme as HTTP. */
const scheme = choice(['HTTP', 'HTTPS', '']);

const probe = object(
  {
    initialDelaySeconds: times,
    timeoutSeconds: times,
    periodSeconds: times,
    successThreshold: times,
    failureThreshold: times,
    httpGet: object({ path: anyText, port, host: anyText, scheme, httpHeaders: list(header) }, { required: ['port'] }),
    tcpSocket: object({ host: anyText, port }, { required: ['port'] }),
    exec: row(object({ command: someOf(text()) }, { required: ['command'] }), 'T1', 'a command beside the workload'),
    grpc: object({ port, service: anyText }),
  },
  { oneOf: [['httpGet', 'tcpSocket', 'exec', 'grpc']] },
);

/** WorkloadGroup (section 2), refused as a whole for now. */
export const workloadGroup = refusedKind(
  'WorkloadGroup',
  networking,
  'T1',
  object(
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
  ),
);
