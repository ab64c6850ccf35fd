/** How often each resolution was really computed (not remembered) since the start of the process: for metrics and tests. */
export interface ResolveCounters {
  /** Views put together. */
  views: number;
  /** OutboundServices computed. */
  services: number;
  /** EndpointSets computed. */
  endpoints: number;
  /** Inbound halves computed. */
  inbound: number;
}

/** Counts up; readers compare two readings. */
export const resolveCounters: ResolveCounters = { views: 0, services: 0, endpoints: 0, inbound: 0 };
