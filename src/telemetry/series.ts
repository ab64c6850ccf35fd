import { parseSpiffeId } from '../model/identity.ts';
import type { Proxy } from '../model/proxy.ts';
import { type Refusal, refusalWords } from '../model/telemetry-tags.ts';
import { nowhere, type OwnUse, outside, ownSidecar } from '../model/traffic.ts';
import type { Tags } from './metrics-service.ts';

/** One end of a call, in the words of services. Empty texts are not known. */
export interface Party {
  readonly service: string;
  readonly namespace: string;
  readonly principal: string;
  readonly app: string;
  readonly version: string;
}

/** What calls with the same ends and the same outcome have in common. */
export interface Series {
  readonly reporter: 'source' | 'destination';
  readonly source: Party;
  readonly destination: Party;
  /** Full host of the destination; empty if not known. */
  readonly host: string;
  readonly protocol: 'http' | 'grpc' | 'tcp';
  readonly code: string;
  readonly flags: string;
  readonly grpcStatus: string;
  /** Of a connection that the reporter turned away. */
  readonly refused?: Refusal | 'cut';
  /** Absent: nobody was reached as far as is known, or `begunTls`. */
  readonly mtls?: boolean;
  /** The reporter began TLS in place of its program (P48). */
  readonly begunTls?: true;
  /** Absent: of calls of programs. `own`, `cut`: as BesideCalls; `DENY`, `ALLOW`: of policies in dry-run. */
  readonly beside?: 'own' | 'cut' | 'DENY' | 'ALLOW';
  /** Of `own`. */
  readonly uses?: readonly OwnUse[];
}

/** What the words in tags mean: the registry's and the translation's knowledge, as an argument. */
export interface Directory {
  /** The service whose workloads have this identity; undefined if none has. */
  serviceOf(principal: string): { readonly service: string; readonly namespace: string } | undefined;
  /** What an outbound cluster stands for; undefined if it stands for no service. */
  destinationOf(cluster: string): NamedService | undefined;
  /** Whether the proxy speaks TLS in place of its program where this cluster leads. */
  beginsTls(proxy: Proxy, cluster: string): boolean;
  /** Whether the proxy speaks mesh TLS with whoever answers where this cluster leads. */
  speaksMeshTls(proxy: Proxy, cluster: string): boolean;
  /** What the proxy itself makes requests for where this cluster leads; empty: nothing. */
  ownUsesOf(proxy: Proxy, cluster: string): readonly OwnUse[];
  /** Whether the proxy answers calls to unknown hosts with 502 (P48), instead of passing them on. */
  refusesUnknownHosts(proxy: Proxy): boolean;
}

export interface NamedService {
  readonly namespace: string;
  /** The short name of a Service of the mesh, or a whole host. */
  readonly service: string;
  /** The whole host. */
  readonly host: string;
  readonly subset?: string;
}

/** The series of a sample: the reporting sidecar is one end and known from its credential, tags tell the other. */
export function seriesOf(proxy: Proxy, tags: Tags, of: 'http' | 'tcp', directory: Directory): Series {
  const reporter = tags.reporter === 'source' ? 'source' : 'destination';
  const self: Party = {
    service: proxy.service,
    namespace: proxy.namespace,
    principal: proxy.identity,
    app: proxy.labels.app ?? '',
    version: proxy.labels.version ?? '',
  };
  const peer = tags.peer_principal ?? '';
  const flags = tags.response_flags === undefined || tags.response_flags === '' ? '-' : tags.response_flags;
  const grpcStatus = tags.grpc_status ?? '';
  const outcome = {
    protocol: of === 'tcp' ? 'tcp' : grpcStatus === '' ? 'http' : 'grpc',
    code: tags.response_code ?? '',
    flags,
    grpcStatus,
  } as const;
  if (reporter === 'destination') {
    const refused = refusalWords.find((word) => word === tags.refused);
    return {
      reporter,
      // Who failed in the handshake proved nothing.
      source: callerOf(refused === 'handshake' ? '' : peer, directory),
      destination: self,
      host: '',
      ...outcome,
      ...(refused === undefined ? { mtls: peer !== '' } : { refused }),
    };
  }
  const cluster = tags.destination_cluster ?? '';
  const called = directory.destinationOf(cluster);
  const { namespace, host, service } = called ?? {
    namespace: '',
    host: '',
    service: whoElse(tags, of, flags, proxy, directory),
  };
  const version = tags.destination_version || called?.subset || '';
  // A call without a peer's certificate went in plaintext, unless it never got there: then flags say why, if they are counted.
  const arrived = tags.response_flags === '-' && host !== '';
  // TLS of others may show a SPIFFE ID, too.
  const isBegun = (arrived || peer !== '') && directory.beginsTls(proxy, cluster);
  // Where nobody is called in plaintext, and nobody showed a certificate, the sidecar itself has answered (CORS).
  const isPlain = arrived && peer === '' && !directory.speaksMeshTls(proxy, cluster);
  const mtls = isBegun ? undefined : peer !== '' ? true : isPlain ? false : undefined;
  return {
    reporter,
    source: self,
    destination: { service, namespace, principal: peer, app: host === '' ? '' : service, version },
    host,
    ...outcome,
    ...(mtls === undefined ? {} : { mtls }),
    ...(isBegun ? { begunTls: true } : {}),
  };
}

/**
 * A rule that answers by itself chooses no cluster and fails at nothing; so looks an unknown host that is refused (P48), but for its 502, where
 * unknown hosts are refused at all.
 */
function whoElse(tags: Tags, of: 'http' | 'tcp', flags: string, proxy: Proxy, directory: Directory): string {
  const { destination_cluster: cluster = '', response_code: code } = tags;
  const isAnswered = of === 'http' && (cluster === '' || cluster === '-') && flags === '-';
  return isAnswered && (code !== '502' || !directory.refusesUnknownHosts(proxy)) ? ownSidecar : nowhere;
}

function callerOf(principal: string, directory: Directory): Party {
  const identity = parseSpiffeId(principal);
  if (identity === undefined) return { service: outside, namespace: '', principal, app: '', version: '' };
  const known = directory.serviceOf(principal);
  const service = known?.service ?? identity.serviceAccount;
  return { service, namespace: known?.namespace ?? identity.namespace, principal, app: service, version: '' };
}

/** Equal series have equal keys. */
export function seriesKey(series: Series): string {
  const { source, destination } = series;
  const { reporter, host, protocol, code, flags, grpcStatus, refused, mtls, begunTls, beside, uses = [] } = series;
  return [
    ...[source, destination].flatMap((party) => [
      party.service,
      party.namespace,
      party.principal,
      party.app,
      party.version,
    ]),
    ...[reporter, host, protocol, code, flags, grpcStatus, refused ?? '', String(mtls), String(begunTls)],
    beside ?? '',
    ...uses,
  ].join('\n');
}

/** Whether a call succeeded, as the caller's owner would say: not the server's fault, and an answer came. */
export function succeeded(series: Series): boolean {
  if (series.refused !== undefined) return false;
  // What is in dry-run refuses nobody.
  if (series.beside === 'DENY' || series.beside === 'ALLOW') return true;
  if (series.protocol === 'tcp') return series.flags === '-' || callerLeft(series.flags);
  if (series.protocol === 'grpc' && series.grpcStatus !== '0' && serverFaults.has(series.grpcStatus)) return false;
  const code = Number(series.code.replace(/xx$/, '00'));
  // No code at all: the caller hung up (DC), or nobody answered.
  if (!(code > 0)) return callerLeft(series.flags);
  return code < 500;
}

/** UNKNOWN, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS. */
const serverFaults: ReadonlySet<string> = new Set(['2', '4', '8', '12', '13', '14', '15']);

function callerLeft(flags: string): boolean {
  return flags.split(',').includes('DC');
}
