import type { Labels } from '../model/policy.ts';
import type { WorkloadPort } from '../model/workload.ts';

/** What makes a joined workload part of a service that nobody wrote: equal ones are one shape. */
export interface WorkloadShape {
  readonly labels: Labels;
  readonly granted: Labels;
  readonly ports: readonly Pick<WorkloadPort, 'name' | 'port' | 'protocol'>[];
}

/** A service as the workloads that ever joined as it made it. */
export interface KnownService {
  readonly namespace: string;
  readonly name: string;
  /** Those of its workloads when it last had some. */
  readonly last: readonly WorkloadShape[];
  /** Those that it had before, the newest first. */
  readonly former: readonly WorkloadShape[];
}

/** The key of the StateStore under which the services survive a restart. */
export const knownServicesKey = 'registry/known-services.json';

/** Known services as bytes. */
export function encodeServices(known: ReadonlyMap<string, KnownService>): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify({ version: 1, services: [...known.values()] })}\n`);
}

/** The services of saved bytes. Throws SyntaxError for bytes that `encodeServices` does not write. */
export function decodeServices(bytes: Uint8Array): readonly KnownService[] {
  const { version, services } = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as {
    readonly version?: unknown;
    readonly services?: unknown;
  };
  if (version !== 1 || !Array.isArray(services)) throw new SyntaxError('not a list of known services, version 1');
  return services.map((item: Partial<KnownService> | null) => {
    const { namespace, name, last, former } = item ?? {};
    if (typeof namespace !== 'string' || typeof name !== 'string' || !isShapes(last) || !isShapes(former))
      throw new SyntaxError(`service ${JSON.stringify(name)} is damaged`);
    return { namespace, name, last, former };
  });
}

function isShapes(value: unknown): value is readonly WorkloadShape[] {
  const isMap = (one: unknown) => typeof one === 'object' && one !== null;
  return (
    Array.isArray(value) &&
    value.every(
      (shape: Partial<WorkloadShape> | null) =>
        isMap(shape?.labels) &&
        isMap(shape?.granted) &&
        Array.isArray(shape?.ports) &&
        shape.ports.every((port: Partial<WorkloadPort> | null) => typeof port?.port === 'number'),
    )
  );
}
