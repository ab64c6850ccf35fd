import { isDeepStrictEqual } from 'node:util';
import { isLabel, spiffeId } from '../model/identity.ts';
import { parseLocality } from '../model/locality.ts';
import type { MeshSettings } from '../model/mesh.ts';
import type { Labels, WorkloadGroupObject } from '../model/policy.ts';
import type { NodeMetadata, NodePort, Proxy } from '../model/proxy.ts';
import type { Workload } from '../model/workload.ts';
import type { GroupsOf } from '../model/workload-groups.ts';
import { inRanges, isForbiddenAddress, isLoopback, parseAddress } from './address.ts';
import { groupNameOf, noGroup, portsOfGroup, requireAgreement, requireProbes, tokenCommand } from './group-binding.ts';
import { quoted, Refused } from './join-refusal.ts';
import { parseNodeMetadata } from './node-metadata.ts';

/** What an authenticated stream may claim; written by the token's maker, never by the sidecar (T1, T2). */
export interface JoinCredential {
  readonly tokenId: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly service: string;
  /** Granted labels besides `app: <service>`; a claim may not contradict them, and Services may select by them. */
  readonly labels?: Labels;
  /** CIDRs in which the claimed address must lie; absent: only the address that the stream comes from. */
  readonly addresses?: readonly string[];
  /** The application ports that may be declared; absent: any. */
  readonly ports?: readonly number[];
  /** The WorkloadGroup that the holder joins; absent: the one of the service's name, if it asks for it. */
  readonly group?: string;
  /** The one proxy that a certificate with a key of its own speaks for; absent: a token, which names none. */
  readonly nodeId?: string;
}

/** The node of a stream's first request. `weft` is the JSON under that key of its metadata. */
export interface JoiningNode {
  readonly id: string;
  readonly weft: unknown;
  /** From the node's user agent, `1.40.0`. */
  readonly envoyVersion?: string;
}

export interface Joining {
  readonly proxy: Proxy;
  readonly workload: Workload;
  /** Which run of its Envoy this is, if it says so. */
  readonly run?: string;
  /** The group that it joins, as git has it now; what it says of labels, locality and weight is added by `bindToGroup`. */
  readonly group?: WorkloadGroupObject;
}

/**
 * What a joining sidecar becomes, if each of its claims is equal to what its credential says or allowed by it. `peerAddress` is the
 * other end of its TCP connection. Identity comes from the credential alone. `known` is who has joined with this id in this run: what a
 * commit made of its group meanwhile does not turn it away. Throws Refused.
 */
export function checkClaims(
  credential: JoinCredential,
  node: JoiningNode,
  peerAddress: string,
  settings: MeshSettings,
  groups: GroupsOf = () => new Map(),
  known: (id: string, run: string | undefined) => Workload | undefined = () => undefined,
): Joining {
  const metadata = parseNodeMetadata(node.weft);
  equal('node.metadata.weft.service', metadata.service, credential.service, credential, {
    say: serviceFlags(credential, metadata.group),
    grant: metadata.group === undefined ? `--service ${metadata.service} -n ${metadata.namespace}` : undefined,
  });
  const { namespace: claimedNamespace } = metadata;
  equal('node.metadata.weft.namespace', claimedNamespace, credential.namespace, credential, {
    say: `-n ${credential.namespace}`,
    grant: `--service ${credential.service} -n ${claimedNamespace}`,
  });
  const name = nodeName(node.id, credential);
  requireOwnKey(node.id, metadata, credential);
  const identity = spiffeId({ trustDomain: settings.trustDomain, ...credential });
  const granted = grantedLabels(credential);
  const labels = { ...metadata.labels, ...granted };
  const groupName = groupNameOf(credential, metadata.group);
  const before = groupName === undefined ? undefined : known(node.id, metadata.run);
  const comesBack = before?.group?.name === groupName && isDeepStrictEqual(before?.labels, labels);
  const group = groupName === undefined ? undefined : groups(credential.namespace).get(groupName);
  if (groupName !== undefined && !comesBack) {
    if (group === undefined) throw noGroup(groupName, credential.namespace, groups);
    requireAgreement(group, metadata, credential);
    requireProbes(group, metadata.run !== undefined);
  }
  if (!comesBack) requireLabels(metadata, { ...granted, ...group?.spec.template.labels }, credential);
  const address = addressOf(metadata, credential, peerAddress);
  const ports = portsOf(portsOfGroup(group, metadata.ports ?? []), credential);
  const { namespace, service, serviceAccount } = credential;
  const { capture } = metadata;
  const { locality: place } = metadata;
  const locality = place === undefined ? {} : { locality: parseLocality(place) };
  const who = { id: node.id, name, namespace, labels, service, identity, ...locality } as const;
  return {
    ...(metadata.run === undefined ? {} : { run: metadata.run }),
    ...(group === undefined ? {} : { group }),
    proxy: {
      ...who,
      ...(group === undefined ? {} : proxyOfGroup(group, labels)),
      ...(metadata.run === undefined ? {} : { helped: true }),
      ...(metadata.identityFolder === undefined ? {} : { identityFolder: metadata.identityFolder }),
      ...(metadata.roots === undefined ? {} : { roots: metadata.roots }),
      ports,
      inboundBind: metadata.inboundBind ?? '0.0.0.0',
      applicationAddress: metadata.applicationAddress ?? '127.0.0.1',
      capture: {
        bind: capture?.bind ?? '127.0.0.1',
        ports: capture?.ports ?? false,
        ...(capture?.proxy === undefined ? {} : { proxy: capture.proxy }),
      },
      envoyVersion: node.envoyVersion ?? '',
    },
    workload: {
      ...who,
      granted,
      serviceAccount,
      address,
      ports: ports.map(({ name: portName, port, inbound, protocol }) => ({
        ...(portName === undefined ? {} : { name: portName }),
        port,
        endpointPort: inbound,
        ...(protocol === undefined ? {} : { protocol }),
      })),
      weight: 1,
      health: 'healthy',
      source: 'proxy',
      ...(groupName === undefined ? {} : { group: { name: groupName } }),
    },
  };
}

/**
 * True if a workload is one that a credential could have joined as: what it may join as, it may take away. A credential without CIDRs
 * binds an address to its stream; as whoever holds it could join with this id from anywhere, the address says nothing then.
 */
export function couldBe(credential: JoinCredential, workload: Workload): boolean {
  const { addresses, ports } = credential;
  return (
    (credential.nodeId === undefined || workload.id === credential.nodeId) &&
    workload.namespace === credential.namespace &&
    workload.service === credential.service &&
    workload.serviceAccount === credential.serviceAccount &&
    Object.entries(grantedLabels(credential)).every(([key, value]) => workload.labels[key] === value) &&
    (addresses === undefined || inRanges(addresses, workload.address)) &&
    (ports === undefined || workload.ports.every(({ port }) => ports.includes(port)))
  );
}

/** `say`: the flags by which the claim is what the token allows; `grant`: those of a token that allows the claim, if one can. */
function equal(
  path: string,
  claimed: string,
  granted: string,
  credential: JoinCredential,
  { say, grant }: { readonly say: string; readonly grant: string | undefined },
): void {
  if (claimed === granted) return;
  const other = grant === undefined ? '' : `, or make a token that allows it: weft token create ${grant}`;
  throw new Refused(
    `token ${credential.tokenId} allows ${quoted(granted)}, ${path} says ${quoted(claimed)}`,
    `start it with ${say}${other}`,
  );
}

/** Who names a group alone claims a service of its name; where the token is for another group, or for none, it takes another token, too. */
function serviceFlags(
  { service, namespace, serviceAccount, group }: JoinCredential,
  claimed: string | undefined,
): string {
  if (claimed === undefined) return `--service ${service}`;
  const flags = `--service ${service} --group ${claimed}`;
  if (claimed === group || (group === undefined && claimed === service)) return flags;
  return `${flags}, with a token of: ${tokenCommand({ service, namespace, serviceAccount }, claimed)}`;
}

function nodeName(id: string, credential: JoinCredential): string {
  const dot = id.indexOf('.');
  const name = id.slice(0, Math.max(dot, 0));
  if (!isLabel(name)) {
    throw new Refused(
      `node.id: expected "<name>.${credential.namespace}", got ${quoted(id)}`,
      'write the bootstrap with "weft bootstrap", or correct node.id',
    );
  }
  const claimed = id.slice(dot + 1);
  equal('the namespace in node.id', claimed, credential.namespace, credential, {
    say: `-n ${credential.namespace}`,
    grant: isLabel(claimed) ? `--service ${credential.service} -n ${claimed}` : undefined,
  });
  return name;
}

/** X8: a certificate speaks for the proxy that it was issued to, and that one alone keeps its key. */
function requireOwnKey(id: string, { identityFolder }: NodeMetadata, credential: JoinCredential): void {
  const { nodeId, tokenId } = credential;
  if (nodeId !== undefined && nodeId !== id) {
    throw new Refused(
      `the certificate of ${quoted(nodeId)} (token ${tokenId}) was shown, node.id says ${quoted(id)}`,
      `join as ${nodeId}, or with a token of its own: weft token create --service NAME -n NAMESPACE`,
    );
  }
  if ((nodeId === undefined) === (identityFolder === undefined)) return;
  throw new Refused(
    nodeId === undefined
      ? `node.metadata.weft.identityFolder: token ${tokenId} was shown, not a certificate with a key of its own`
      : 'node.metadata.weft.identityFolder is missing: who joined with a key of its own is sent none',
    'let weft run write the bootstrap',
  );
}

/** What a proxy is by its group at this moment; what its policies look at follows the group by its workload. */
function proxyOfGroup({ spec: { template } }: WorkloadGroupObject, labels: Labels): Partial<Proxy> {
  const { locality } = template;
  return { labels: { ...labels, ...template.labels }, ...(locality === undefined ? {} : { locality }) };
}

/** `app` says which service this is and Services select by it: unless the credential grants another, it is the service's name. */
function grantedLabels(credential: JoinCredential): Labels {
  return { app: credential.service, ...credential.labels };
}

function requireLabels(metadata: NodeMetadata, allowed: Labels, credential: JoinCredential): void {
  const claimed = metadata.labels ?? {};
  for (const [key, value] of Object.entries(allowed)) {
    const says = claimed[key];
    if (says === undefined) continue;
    equal(`node.metadata.weft.labels[${quoted(key)}]`, says, value, credential, {
      say: `--label ${key}=${value} or without this label`,
      grant: `--service ${credential.service} -n ${credential.namespace} --label ${key}=${says}`,
    });
  }
}

function portsOf(ports: readonly NodePort[], credential: JoinCredential): readonly NodePort[] {
  const foreign = ports.find((port) => credential.ports !== undefined && !credential.ports.includes(port.port));
  if (foreign === undefined) return ports;
  throw new Refused(
    `token ${credential.tokenId} allows ports ${credential.ports?.join(', ')}, node.metadata.weft.ports says ${foreign.port}`,
    'declare an allowed port, or make a token for this one',
  );
}

function addressOf(metadata: NodeMetadata, credential: JoinCredential, peerAddress: string): string {
  const peer = parseAddress(peerAddress);
  const address = metadata.address ?? peer;
  if (address === undefined) {
    throw new Refused(
      `the stream comes from ${quoted(peerAddress)}, which is no address callers can use`,
      'state node.metadata.weft.address, within the CIDRs of the token',
    );
  }
  if (isForbiddenAddress(address)) {
    throw new Refused(`no workload can be at address ${quoted(address)}`, 'state the address that callers connect to');
  }
  if (isLoopback(address) && !(peer !== undefined && isLoopback(peer))) {
    throw new Refused(
      `address ${quoted(address)} is a loopback address, the stream comes from ${quoted(peerAddress)}`,
      'state an address that other machines can reach',
    );
  }
  if (credential.addresses === undefined ? address === peer : inRanges(credential.addresses, address)) return address;
  throw new Refused(
    `token ${credential.tokenId} allows address ${credential.addresses?.join(', ') ?? peer}, the sidecar says ${quoted(address)}`,
    'leave the address out, or make a token with a CIDR that contains it',
  );
}
