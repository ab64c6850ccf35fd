/** How one test of the application ended. */
export type ProbeResult = { readonly ok: true } | { readonly ok: false; readonly reason: string };

export const passed: ProbeResult = { ok: true };

export function failed(reason: string): ProbeResult {
  return { ok: false, reason };
}

/** An error in words: Node says what failed in its code or message. */
export function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return code === 'ECONNREFUSED' ? 'connection refused' : error.message || code || error.name;
}

/** `10.0.0.7:80`, `[::1]:80` */
export function placeText(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
