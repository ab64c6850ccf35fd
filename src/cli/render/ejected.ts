import type { ProxyStatus } from '../../model/status.ts';
import type { EjectedEndpoints } from '../../model/traffic.ts';

/** `ejected 1 of 3` */
export function ejectedText({ endpoints, of }: EjectedEndpoints): string {
  return `ejected ${endpoints}${of === undefined ? '' : ` of ${of}`}`;
}

/** One line for each destination of whose endpoints the proxy holds some out: its Envoy tells how many, and only itself which. */
export function ejectedLines({ ejected = [] }: Pick<ProxyStatus, 'ejected'>): readonly string[] {
  return ejected.map(({ destination, endpoints, of }) => {
    const count = of === undefined ? `${endpoints}` : `${endpoints} of ${of}`;
    return `${destination}  ${count} endpoints ejected by outlier detection`;
  });
}

/** Where to see which they are. */
export const whichAreEjected =
  'which: /clusters at the admin endpoint of its Envoy, where health_flags has /failed_outlier_check';
