/** True for `unix:///path` and `unix://@name`: an endpoint on the machine of whoever calls it. */
export function isSocket(address: string): boolean {
  return address.startsWith('unix://');
}

/** The path of a unix socket, or its abstract name with `@`; undefined for another address. */
export function socketPath(address: string): string | undefined {
  return isSocket(address) ? address.slice('unix://'.length) : undefined;
}
