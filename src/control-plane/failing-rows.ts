import type { DescriptionRow } from '../model/description.ts';
import type { Policy } from '../model/policy.ts';
import type { Proxy } from '../model/proxy.ts';
import { unansweredRows } from './asked-authorizer.ts';
import type { Describable } from './describable.ts';
import { failingKeysRows } from './failing-keys.ts';

/** What the sidecar of a workload asks for by itself in vain; `of`: because of this object alone. */
export function failingRows(
  { failing, now = 0 }: Describable,
  proxy: Proxy | undefined,
  of?: Policy,
): readonly DescriptionRow[] {
  if (proxy === undefined || failing === undefined) return [];
  return [
    ...failingKeysRows(proxy.id, failing.keys(proxy), now, of),
    ...unansweredRows(proxy, failing.authorizer(proxy), now, of),
  ];
}
