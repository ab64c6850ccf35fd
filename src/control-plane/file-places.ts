import type { TrafficPolicy } from '../model/destination-rule.ts';
import type { Policy } from '../model/policy.ts';

/** The fields of a TLS block that name files beside the proxy. */
const fileFields = ['clientCertificate', 'privateKey', 'caCertificates', 'caCrl'] as const;

/**
 * Where an object names one of these files, as a secret of files names nobody (P23): its one field, else the smallest part that holds them
 * all; undefined: nowhere.
 */
export function fileField(object: Policy, files: ReadonlySet<string>): string | undefined {
  const [first, ...others] = tlsBlocks(object).flatMap(([path, { tls }]) =>
    fileFields.flatMap((field) => {
      const file = tls?.[field];
      return file !== undefined && files.has(file) ? [`${path}.tls.${field}`] : [];
    }),
  );
  return first === undefined ? undefined : others.reduce(commonPath, first);
}

function commonPath(left: string, right: string): string {
  const parts = left.split('.');
  const others = right.split('.');
  const differing = parts.findIndex((part, index) => part !== others[index]);
  return (differing < 0 ? parts : parts.slice(0, differing)).join('.');
}

/** The levels of a traffic policy that may hold a TLS block (P24), with their paths. */
function tlsBlocks(object: Policy): readonly (readonly [path: string, level: Pick<TrafficPolicy, 'tls'>])[] {
  if (object.kind !== 'DestinationRule') return [];
  const { trafficPolicy, subsets } = object.spec;
  return [
    ...(trafficPolicy === undefined ? [] : levels('spec.trafficPolicy', trafficPolicy)),
    ...subsets.flatMap((subset, index) =>
      subset.trafficPolicy === undefined ? [] : levels(`spec.subsets[${index}].trafficPolicy`, subset.trafficPolicy),
    ),
  ];
}

function levels(path: string, policy: TrafficPolicy): readonly (readonly [string, Pick<TrafficPolicy, 'tls'>])[] {
  return [
    [path, policy],
    ...policy.portLevelSettings.map((entry, index) => [`${path}.portLevelSettings[${index}]`, entry] as const),
  ];
}
