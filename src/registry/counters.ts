/** What the registry has looked at since the start of the process: the cost of changes, for tests. */
export interface RegistryCounters {
  /** Workloads composed, or sorted to the services that may choose them. */
  workloads: number;
  /** Services of which it was asked whether their endpoints are others. */
  services: number;
}

/** Counts up; readers compare two readings. */
export const registryCounters: RegistryCounters = { workloads: 0, services: 0 };
