import { compareText } from '../model/compare-text.ts';
import { localityText, parseLocality } from '../model/locality.ts';
import { nearestName } from '../model/nearest-name.ts';
import type { Labels, WorkloadGroupObject } from '../model/policy.ts';
import { provenance } from '../model/policy-provenance.ts';
import type { NodeMetadata, NodePort } from '../model/proxy.ts';
import type { Locality } from '../model/registry-objects.ts';
import type { Workload } from '../model/workload.ts';
import type { GroupsOf } from '../model/workload-groups.ts';
import type { HealthRecord } from './join-health.ts';
import { quoted, Refused } from './join-refusal.ts';

/** What a credential says about the group of its holder, and what it grants besides. */
export interface GroupGrant {
  readonly tokenId: string;
  readonly namespace: string;
  readonly service: string;
  readonly serviceAccount: string;
  readonly labels?: Labels;
  readonly group?: string;
}

/**
 * The name of the group that a workload joins: the one that its credential names, or one of its service's name that it names itself;
 * undefined where neither names one. Throws Refused for another one.
 */
export function groupNameOf(credential: GroupGrant, claimed: string | undefined): string | undefined {
  const { tokenId, service, group: granted } = credential;
  if (granted !== undefined && claimed !== undefined && claimed !== granted) {
    const message = `token ${tokenId} is for WorkloadGroup ${quoted(granted)}, node.metadata.weft.group says ${quoted(claimed)}`;
    const token = tokenCommand(credential, claimed);
    throw new Refused(message, `start it with --group ${granted}, or make a token for that one: ${token}`);
  }
  if (granted === undefined && claimed !== undefined && claimed !== service) {
    throw new Refused(
      `token ${tokenId} grants no WorkloadGroup, node.metadata.weft.group says ${quoted(claimed)}`,
      `make a token that does: ${tokenCommand(credential, claimed)}`,
    );
  }
  return granted ?? claimed;
}

/** The command that makes a token for the same workloads as members of a group. */
export function tokenCommand(
  { namespace, service, serviceAccount }: Pick<GroupGrant, 'namespace' | 'service' | 'serviceAccount'>,
  group: string,
): string {
  const account = serviceAccount === service ? '' : ` --service-account ${serviceAccount}`;
  return `weft token create --service ${service}${account} -n ${namespace} --group ${group}`;
}

/** Why nobody can join a group that there is not. */
export function noGroup(name: string, namespace: string, groups: GroupsOf): Refused {
  const near = nearestName(name, [...groups(namespace).keys()]);
  return new Refused(
    `there is no WorkloadGroup ${quoted(name)} in namespace "${namespace}"`,
    near === undefined ? 'write it and commit it, then join' : `did you mean "${near}"?`,
  );
}

/** What of a workload's own claims its group has a say in. */
export interface GroupClaims {
  readonly labels?: Labels;
  readonly locality?: Locality;
  readonly ports?: readonly NodePort[];
}

/**
 * What a joining workload says that its group says otherwise (WEFT0203), and who is to give way: `group` says, `claim` says. Undefined:
 * they agree. What one of both leaves out is no contradiction.
 */
export function contradiction(
  group: WorkloadGroupObject,
  claims: GroupClaims,
  credential?: GroupGrant,
): { readonly group: string; readonly claim: string } | undefined {
  const { template } = group.spec;
  const says = (field: string, value: unknown) =>
    `WorkloadGroup ${group.namespace}/${group.name} says ${field} is ${quoted(value)}`;
  for (const [key, value] of Object.entries(template.labels)) {
    const claimed = claims.labels?.[key];
    if (claimed !== undefined && claimed !== value)
      return {
        group: says(`label ${quoted(key)}`, value),
        claim: `node.metadata.weft.labels[${quoted(key)}] says ${quoted(claimed)}`,
      };
    const granted = credential?.labels?.[key];
    if (granted !== undefined && granted !== value)
      return {
        group: says(`label ${quoted(key)}`, value),
        claim: `token ${credential?.tokenId} grants ${quoted(granted)}`,
      };
  }
  const { serviceAccount } = template;
  if (credential && serviceAccount !== undefined && serviceAccount !== credential.serviceAccount)
    return {
      group: says('serviceAccount', serviceAccount),
      claim: `token ${credential.tokenId} is for ${quoted(credential.serviceAccount)}`,
    };
  if (template.locality && claims.locality && localityText(template.locality) !== localityText(claims.locality))
    return {
      group: says('locality', localityText(template.locality)),
      claim: `the node says ${quoted(localityText(claims.locality))}`,
    };
  return portContradiction(template.ports, claims.ports ?? [], says);
}

function portContradiction(
  listed: Readonly<Record<string, number>>,
  ports: readonly NodePort[],
  says: (field: string, value: unknown) => string,
): ReturnType<typeof contradiction> {
  const names = Object.keys(listed);
  if (names.length === 0) return undefined;
  for (const { port, name } of ports) {
    if (!Object.values(listed).includes(port))
      return {
        group: `${says('ports', listed)}`,
        claim: `node.metadata.weft.ports says ${port}`,
      };
    if (name !== undefined && listed[name] !== port)
      return { group: says('ports', listed), claim: `node.metadata.weft.ports says ${port} is ${quoted(name)}` };
  }
  return undefined;
}

/** Throws Refused where the claims of a workload, or its credential, contradict its group. */
export function requireAgreement(
  group: WorkloadGroupObject,
  { labels = {}, ports = [], locality }: Pick<NodeMetadata, 'labels' | 'ports' | 'locality'>,
  credential: GroupGrant,
): void {
  const place = locality === undefined ? {} : { locality: parseLocality(locality) };
  const found = contradiction(group, { labels, ports, ...place }, credential);
  if (found === undefined) return;
  const { at } = provenance(group, 'spec.template');
  throw new Refused(
    `${found.group} (${at.file}:${at.line}), ${found.claim}`,
    'change the group, or the claim: what the group says need not be claimed',
  );
}

/** Throws Refused where a command is to be probed and there is nobody to run it. */
export function requireProbes(group: WorkloadGroupObject, isHelped: boolean): void {
  if (isHelped || group.spec.probe?.check.kind !== 'exec') return;
  throw new Refused(
    `the probe of WorkloadGroup ${group.namespace}/${group.name} is a command, which an Envoy alone cannot run`,
    'start it with "weft run --exec-probes", or write httpGet, tcpSocket or grpc',
  );
}

/** The ports of a joining workload under the names of its group; who declares none has those that the group lists. */
export function portsOfGroup(
  group: WorkloadGroupObject | undefined,
  declared: readonly NodePort[],
): readonly NodePort[] {
  // Two names of one number: the first in the alphabet, whatever the order in the text is (P51).
  const listed = Object.entries(group?.spec.template.ports ?? {}).sort(
    ([left, a], [right, b]) => a - b || compareText(left, right),
  );
  if (listed.length === 0) return declared;
  if (declared.length === 0) {
    const numbers = [...new Set(listed.map(([, port]) => port))];
    return numbers.map((port) => named({ port, inbound: inboundOf(port) }, listed));
  }
  return declared.map((port) => named(port, listed));
}

function named(port: NodePort, listed: readonly (readonly [string, number])[]): NodePort {
  const name = port.name ?? listed.find(([, number]) => number === port.port)?.[0];
  return name === undefined ? port : { ...port, name };
}

/** Where `weft run` would listen for callers. */
function inboundOf(port: number): number {
  return port + 10_000 < 65_536 ? port + 10_000 : port - 10_000;
}

/**
 * A joined workload as its group makes it: what git says of labels, locality and weight holds, and git vouches for these labels. `health` is
 * what its probes found last; a workload that nothing is known of yet is healthy. Where the group is gone, the workload stays as it joined.
 */
export function bindToGroup(
  workload: Workload,
  group: WorkloadGroupObject | undefined,
  health: HealthRecord | undefined,
): Workload {
  if (group === undefined) return workload;
  const { template, annotations, probe } = group.spec;
  const { labels, granted, health: present } = workload;
  const isUnhealthy = probe !== undefined && present === 'healthy' && health !== undefined && !health.healthy;
  const claimed = contradiction(group, { ...workload, labels: ownLabels(workload), ports: [] });
  return {
    ...workload,
    labels: { ...labels, ...template.labels },
    granted: { ...granted, ...template.labels },
    ...(template.locality === undefined ? {} : { locality: template.locality }),
    weight: template.weight ?? workload.weight,
    ...(isUnhealthy ? { health: 'unhealthy', trouble: { reason: health.reason, since: health.since } } : {}),
    group: {
      name: group.name,
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
      ...(probe === undefined ? {} : { probed: true }),
      ...(claimed === undefined ? {} : { contradiction: `${claimed.group}, ${claimed.claim}` }),
    },
  };
}

/** Without `app`, which the registry adds for all that claim none. */
function ownLabels({ labels, service }: Workload): Labels {
  return Object.fromEntries(Object.entries(labels).filter(([key, value]) => key !== 'app' || value !== service));
}
