// What the benchmark and its programs say to each other: one JSON value a line, over standard input and output.

/** One resource as it is given to every contestant; `value` is the encoded message in base64. */
export interface ResourceText {
  readonly typeUrl: string;
  readonly name: string;
  readonly value: string;
  /** Names of the clusters that a route or a listener refers to. */
  readonly clusters?: readonly string[];
  readonly edsName?: string;
}

/** PEM: the server asks for a client certificate, the load client presents one. */
export interface Certificates {
  readonly authority: string;
  readonly server: { readonly certificateChain: string; readonly privateKey: string };
  readonly client: { readonly certificateChain: string; readonly privateKey: string };
}

export interface Usage {
  /** Milliseconds of processor time since the process began, in user mode and in the kernel. */
  readonly cpu: number;
  /** Bytes. */
  readonly rss: number;
  readonly peakRss: number;
  /** Resources turned into their wire form since the process began. */
  readonly encodes: number;
  /** Milliseconds by which the event loop was late, since `watchLoop`. */
  readonly loopP99: number;
  readonly loopMax: number;
}

export interface Pushed {
  /** When the change was applied, on the monotonic clock of the machine, in milliseconds. */
  readonly startedAt: number;
  /** Milliseconds from then until every acknowledgement was read. */
  readonly took: number;
  readonly cpu: number;
  readonly encodes: number;
}

/** What every contestant understands. */
export interface ServerCommands {
  start(details: {
    readonly resources: readonly ResourceText[];
    readonly certificates?: Certificates;
  }): Promise<{ readonly port: number }>;
  /** Puts resources in the place of those of the same name, and waits for this many acknowledgements. */
  push(details: { readonly resources: readonly ResourceText[]; readonly streams: number }): Promise<Pushed>;
  /** The same without waiting; tells the versions under which clients see them. */
  put(details: { readonly resources: readonly ResourceText[] }): { readonly versions: readonly string[] };
  usage(details: object): Usage;
  watchLoop(details: object): object;
}

/** Work since the start, or between two readings. */
export interface Counted {
  readonly views: number;
  readonly services: number;
  readonly inbound: number;
  readonly endpoints: number;
  /** Messages encoded. */
  readonly encodes: number;
  /** Wire forms made. */
  readonly wire: number;
  /** Responses. */
  readonly sent: number;
  /** Of resources in them. */
  readonly bytes: number;
  readonly acked: number;
}

/** What the control plane of `policy` understands. */
export interface PolicyCommands {
  /** Reads the repository; answers once proxies could be served. */
  start(details: {
    readonly folder: string;
    readonly namespaces: number;
    readonly services: number;
  }): Promise<{ readonly port: number; readonly took: number; readonly cpu: number }>;
  /** What a connected proxy is shown. */
  names(details: object): {
    readonly endpoints: readonly string[];
    readonly routes: readonly string[];
    readonly virtualHosts: number;
  };
  /** Looks at the repository, and waits until as many proxies have acknowledged what is new. */
  change(details: { readonly proxies: number }): Promise<{
    readonly took: number;
    /** Of that, until the commit was checked. */
    readonly checked: number;
    readonly cpu: number;
    readonly counted: Counted;
  }>;
  /** Gives the first workload another address, and waits until as many proxies have acknowledged it. */
  move(details: { readonly mark: number; readonly proxies: number }): Promise<{ readonly took: number }>;
  usage(details: object): Usage;
  watchLoop(details: object): object;
}

/** What the server of `identity` understands. */
export interface IdentityCommands {
  /** A stream is a proxy with an identity of its own, whose leaf lives this long, in milliseconds. */
  start(details: { readonly life: number }): Promise<{ readonly port: number }>;
  /** Since the start. */
  renewed(details: object): {
    /** For each identity, how often its leaf was renewed. */
    readonly times: readonly number[];
    /** Leaves that clients have acknowledged, the first ones included. */
    readonly acked: number;
    readonly streams: number;
  };
  usage(details: object): Usage;
  watchLoop(details: object): object;
}

/** What a proxy asks for: some names; all that a sidecar asks for; or the same, with what it holds already; or secrets of these names. */
export type Role = 'endpoints' | 'everything' | 'returning' | 'secrets';

export interface Connected {
  /** Milliseconds from the first connection until every proxy had all that it asked for. */
  readonly wall: number;
  /** Milliseconds from the connection of one proxy until it had all, quantiles over the proxies. */
  readonly p50: number;
  readonly p99: number;
  readonly bytes: number;
  readonly messages: number;
  readonly resources: number;
  /** How often a proxy was turned away and tried again. */
  readonly retries: number;
  readonly cpu: number;
}

/** What the load client understands. */
export interface LoadCommands {
  connect(details: {
    readonly port: number;
    readonly certificates?: Certificates;
    readonly role: Role;
    readonly count: number;
    /** How many connect at once. */
    readonly concurrency: number;
    /** Names to subscribe to. */
    readonly endpoints: readonly string[];
    readonly routes: readonly string[];
    /** How many virtual hosts are to come by themselves; absent: VHDS is not subscribed to. */
    readonly virtualHosts?: number;
  }): Promise<Connected>;
  /** Forgets what has arrived. */
  clear(details: object): object;
  /** What has arrived since: times on the monotonic clock, by proxy; versions of the proxies that note them. */
  arrivals(details: object): {
    readonly times: readonly (readonly number[])[];
    readonly versions: readonly (readonly string[])[];
    readonly messages: number;
    readonly resources: number;
    readonly cpu: number;
  };
  /** Every proxy goes away at once. */
  leave(details: object): object;
}

/** Milliseconds of the monotonic clock, the same in every process. */
export function monotonic(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** Milliseconds of processor time of this process. */
export function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
