import type { ProxyStatus } from '../model/status.ts';
import { idOf } from './own-view.ts';

/** So many proxies are named. */
const named = 5;

/** `reviews-1.shop PENDING (CDS, EDS)`: what is waited for of each of these proxies, the first few by name. */
export function pendingWords(proxies: readonly ProxyStatus[]): readonly string[] {
  const first = proxies.slice(0, named).map((proxy) => `${idOf(proxy)} ${proxy.status}${whatFor(proxy)}`);
  return proxies.length > named ? [...first, `${proxies.length - named} more`] : first;
}

/** Make before break: what nothing leads to any more is kept until no request can be on its way there (X92). */
function whatFor({ types }: ProxyStatus): string {
  const late = Object.entries(types).filter(([, { status }]) => status === 'PENDING' || status === 'STALE');
  if (late.length === 0) return '';
  const kept = types.CDS.removing ?? 0;
  if (kept > 0 && late.every(([, { removing = 0 }]) => removing > 0))
    return ` (${kept === 1 ? 'a cluster' : `${kept} clusters`} that nothing leads to any more: taken away some seconds later)`;
  return ` (${late.map(([type]) => type).join(', ')})`;
}
