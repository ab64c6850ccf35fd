import type { ClientTls } from '../../model/client-tls.ts';
import type { Subset, TrafficPolicy } from '../../model/destination-rule.ts';
import type { DestinationRuleObject } from '../../model/policy.ts';

/** A `tls` block of a rule, and where it stands. */
export interface TlsBlock {
  readonly tls: ClientTls;
  /** `spec.trafficPolicy.tls` */
  readonly field: string;
  /** Whose subset's it is; absent: the whole service's. */
  readonly subset?: Subset;
}

/** Every `tls` block of a rule. */
export function tlsBlocks({ spec }: DestinationRuleObject): readonly TlsBlock[] {
  return levelsOf(spec).flatMap(({ policy, path, subset }) => [
    ...blockOf(policy, path, subset),
    ...(policy?.portLevelSettings ?? []).flatMap((entry, index) =>
      blockOf(entry, `${path}.portLevelSettings[${index}]`, subset),
    ),
  ]);
}

/** P24: the blocks by which a port is called: as the whole service, and as each subset that has its own. */
export function tlsBlocksAt({ spec }: DestinationRuleObject, port: number): readonly TlsBlock[] {
  return levelsOf(spec).flatMap(({ policy, path, subset }) => {
    const index = policy?.portLevelSettings.findIndex((entry) => entry.port === port) ?? -1;
    const entry = policy?.portLevelSettings[index];
    return entry ? blockOf(entry, `${path}.portLevelSettings[${index}]`, subset) : blockOf(policy, path, subset);
  });
}

interface Level {
  readonly policy: TrafficPolicy | undefined;
  readonly path: string;
  readonly subset?: Subset;
}

function levelsOf({ trafficPolicy, subsets }: DestinationRuleObject['spec']): readonly Level[] {
  return [
    { policy: trafficPolicy, path: 'spec.trafficPolicy' },
    ...subsets.map((subset, index) => ({
      policy: subset.trafficPolicy,
      path: `spec.subsets[${index}].trafficPolicy`,
      subset,
    })),
  ];
}

function blockOf(
  holder: { readonly tls?: ClientTls } | undefined,
  path: string,
  subset: Subset | undefined,
): readonly TlsBlock[] {
  if (holder?.tls === undefined) return [];
  return [{ tls: holder.tls, field: `${path}.tls`, ...(subset && { subset }) }];
}
