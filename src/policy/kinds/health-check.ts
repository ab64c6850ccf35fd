import type { HealthCheckSpec, HealthProbe, StatusRange } from '../../model/health-check.ts';
import type { HealthCheckObject } from '../../model/policy.ts';
import { type LowerContext, supportedKind } from '../kind-definition.ts';
import type { Infer } from '../shape.ts';
import { duration, integer, list, object, port, row, text } from '../shape-builders.ts';
import { present } from './common.ts';

const times = integer(1, 1000);

const shape = object(
  {
    host: row(text('host-name'), 'T0', 'whose endpoints are checked'),
    port: row(port, 'T0', 'the service port; absent: every port that the probe fits'),
    // Every client asks every endpoint this often: shorter ones are a load of their own.
    interval: row(duration(100), 'T0', 'time between two checks; 10s'),
    timeout: row(duration(1), 'T0', 'how long an answer may take; 1s'),
    unhealthyAfter: row(times, 'T0', 'failures in a row that take an endpoint out; 3'),
    healthyAfter: row(times, 'T0', 'successes in a row that bring it back; 2'),
    http: row(
      object({ path: text(), expect: list(text(), { min: 1 }) }, { required: ['path'] }),
      'T0',
      'GET of a path',
    ),
    grpc: row(object({ service: text() }), 'T0', 'the gRPC health service'),
    tcp: row(object({}), 'T0', 'a connection that comes to be'),
  },
  { required: ['host'], oneOf: [['http', 'grpc', 'tcp']] },
);

/** HealthCheck: active checks by clients (section 7). What it leaves out is what Kubernetes takes, but for two successes. */
export const healthCheck = supportedKind<typeof shape, HealthCheckObject>({
  kind: 'HealthCheck',
  apiVersions: ['weft.dev/v1alpha1'],
  spec: shape,
  lower(spec, context) {
    return present<HealthCheckSpec>({
      host: spec.host,
      port: spec.port,
      interval: spec.interval ?? 10_000,
      timeout: spec.timeout ?? 1_000,
      unhealthyAfter: spec.unhealthyAfter ?? 3,
      healthyAfter: spec.healthyAfter ?? 2,
      probe: lowerProbe(spec, context),
    });
  },
});

function lowerProbe({ http, grpc }: Infer<typeof shape>, context: LowerContext): HealthProbe {
  if (http) {
    checkPath(http.path, context);
    const ranges = (http.expect ?? ['200']).map((range, index) => statusRange(range, index, context));
    return { kind: 'http', path: http.path, expect: ranges.filter((range) => range !== undefined) };
  }
  if (grpc) return { kind: 'grpc', ...(grpc.service !== undefined && { service: grpc.service }) };
  return { kind: 'tcp' };
}

function checkPath(path: string, context: LowerContext): void {
  if (/^\/[\x21-\x7e]*$/.test(path)) return;
  const expected = 'a path that begins with "/", without blanks';
  context.report(
    'WEFT0002',
    'spec.http.path',
    `expected ${expected}, got ${JSON.stringify(path)}`,
    `write ${expected}`,
  );
}

/** `204` or `200-299`. */
function statusRange(written: string, index: number, context: LowerContext): StatusRange | undefined {
  const [, from = '', to = from] = /^([1-5][0-9]{2})(?:-([1-5][0-9]{2}))?$/.exec(written) ?? [];
  if (from !== '' && Number(from) <= Number(to)) return { from: Number(from), to: Number(to) };
  context.report(
    'WEFT0002',
    `spec.http.expect[${index}]`,
    `expected a status code or a range such as 200-299, got ${JSON.stringify(written)}`,
    'write "200-299"',
  );
  return undefined;
}
