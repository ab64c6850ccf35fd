import { refusedKind } from '../kind-definition.ts';
import { anyText, bool, choice, duration, list, map, number, object, row, text } from '../shape-builders.ts';
import { matchLabels } from './common.ts';
import { oneTarget, targets } from './target-ref.ts';

const providers = list(object({ name: text() }, { required: ['name'] }));
const mode = choice(['CLIENT_AND_SERVER', 'CLIENT', 'SERVER']);

const accessLogging = list(
  object({
    match: object({ mode }),
    providers,
    disabled: bool,
    filter: row(object({ expression: anyText }), 'T1', 'CEL filter of access logs'),
  }),
);

const metric = choice([
  'ALL_METRICS',
  'REQUEST_COUNT',
  'REQUEST_DURATION',
  'REQUEST_SIZE',
  'RESPONSE_SIZE',
  'TCP_OPENED_CONNECTIONS',
  'TCP_CLOSED_CONNECTIONS',
  'TCP_SENT_BYTES',
  'TCP_RECEIVED_BYTES',
  'GRPC_REQUEST_MESSAGES',
  'GRPC_RESPONSE_MESSAGES',
]);
const override = object({
  match: object({ metric, customMetric: text(), mode }, { exclusive: [['metric', 'customMetric']] }),
  disabled: bool,
  tagOverrides: map('any', object({ operation: choice(['UPSERT', 'REMOVE']), value: anyText })),
});

const metrics = list(
  object({
    providers,
    overrides: row(list(override), 'T1', 'metrics and their tags'),
    reportingInterval: row(duration(1), 'T1', 'how often metrics are reported'),
  }),
);

const customTag = object(
  {
    literal: object({ value: text() }, { required: ['value'] }),
    environment: object({ name: text(), defaultValue: anyText }, { required: ['name'] }),
    header: object({ name: text(), defaultValue: anyText }, { required: ['name'] }),
    formatter: object({ value: text() }, { required: ['value'] }),
  },
  { exclusive: [['literal', 'environment', 'header', 'formatter']] },
);

const tracing = list(
  object({
    match: object({ mode }),
    providers,
    randomSamplingPercentage: number(0, 100),
    disableSpanReporting: bool,
    customTags: map('any', customTag),
    useRequestIdForTraceSampling: bool,
    enableIstioTags: bool,
    disableContextPropagation: bool,
  }),
);

/** Telemetry (P50), refused as a whole for now. */
export const telemetry = refusedKind(
  'Telemetry',
  ['telemetry.istio.io/v1', 'telemetry.istio.io/v1alpha1'],
  'T1',
  object(
    {
      selector: row(matchLabels, 'T0', 'which workloads'),
      ...targets,
      accessLogging: row(accessLogging, 'T0', 'access loggers', 'D28'),
      metrics: row(metrics, 'T0', 'standard metrics'),
      tracing: row(tracing, 'T1', 'tracing of the connection manager', 'D28'),
    },
    { exclusive: [oneTarget] },
  ),
  {
    hint: 'remove it: accessLogFile and accessLogFormat of MeshConfig are for all proxies, and metrics stand under /metrics/mesh',
  },
);
