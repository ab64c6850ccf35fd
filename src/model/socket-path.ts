/** True for `unix:///path` and `unix://@name`: an endpoint on the machine of whoever calls it. */
export function isSocket(address: string): boolean {
  return address.startsWith('unix://');
}

/** Where an endpoint is, for people: `10.0.0.2:9080`, `[fd00::2]:9080`, `unix:///path`. */
export function endpointText(address: string, port: number): string {
  if (isSocket(address)) return address;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** The path of a unix socket, or its abstract name with `@`; undefined for another address. */
export function socketPath(address: string): string | undefined {
  return isSocket(address) ? address.slice('unix://'.length) : undefined;
}
