import type { ProxyStatus } from '../../model/status.ts';
import type { EndpointsOut, OutReason } from '../../model/traffic.ts';

/** Of each reason: what the sidecar did, and what its Envoy writes beside such an endpoint. */
const words: Readonly<Record<OutReason, { readonly done: string; readonly flag: string }>> = {
  ejected: { done: 'ejected by outlier detection', flag: '/failed_outlier_check' },
  unhealthy: { done: 'held out by its health checks', flag: '/failed_active_hc' },
};

/** `ejected 1 of 3` */
export function outText(why: OutReason, { endpoints, of }: EndpointsOut): string {
  return `${why} ${endpoints}${of === undefined ? '' : ` of ${of}`}`;
}

/** One line for each destination of whose endpoints the proxy holds some out: its Envoy tells how many, and only itself which. */
export function outLines(proxy: Pick<ProxyStatus, OutReason>, why: OutReason): readonly string[] {
  return (proxy[why] ?? []).map(({ destination, endpoints, of }) => {
    const count = of === undefined ? `${endpoints}` : `${endpoints} of ${of}`;
    return `${destination}  ${count} endpoints ${words[why].done}`;
  });
}

/** Where to see which they are. */
export function whichAreOut(why: OutReason): string {
  return `which: /clusters at the admin endpoint of its Envoy, where health_flags has ${words[why].flag}`;
}
