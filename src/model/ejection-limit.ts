/*
 * How many endpoints outlier detection may hold out (D7). Measured at Envoy 1.40, from 2 to 20 endpoints and 10 to 100 %: it rounds down, and
 * holds out nobody where the share is less than one endpoint.
 */

/** Whether a share of so many endpoints is at least one of them. */
export function mayEject(endpoints: number, percent: number): boolean {
  return endpoints * percent >= 100;
}

/** The least whole share of so many endpoints that is one of them. */
export function leastEjectionPercent(endpoints: number): number {
  return Math.ceil(100 / endpoints);
}
