/** One process of the shop and its sidecar. */
export interface ShopMember {
  readonly name: string;
  readonly service: 'frontend' | 'catalog' | 'reviews' | 'payments';
  readonly version?: string;
  /** The loopback address of the application, and of its sidecar's inbound listener. */
  readonly address: string;
  /** Where callers connect. */
  readonly inbound: { readonly address: string; readonly port: number };
}

/** The application's port, the same for all: they listen on addresses of their own. */
export const applicationPort = 9080;

export interface DemoPorts {
  readonly xds: number;
  readonly api: number;
  readonly shop: number;
  /** HTTP_PROXY of the frontend. */
  readonly proxy: number;
  readonly local: number;
}

/** All ports of the demo; the shop has its well-known port unless the ports are shifted. */
export function demoPorts(base: number): DemoPorts {
  return {
    xds: base + 12,
    api: base + 14,
    shop: base === 15_000 ? 8080 : base + 80,
    proxy: base + 1,
    local: base + 6_000,
  };
}

/** Who takes part. Each port base has loopback addresses of its own, so that demos run side by side. */
export function shopMembers(base: number): readonly ShopMember[] {
  const network = `127.${64 + (Math.floor(base / 256) % 128)}.${base % 256}`;
  const member = (index: number, service: ShopMember['service'], instance: number, version?: string): ShopMember => {
    const address = `${network}.${index}`;
    const inbound =
      service === 'frontend' ? { address: '127.0.0.1', port: demoPorts(base).shop } : { address, port: 19_080 };
    return { name: `${service}-${instance}`, service, address, inbound, ...(version === undefined ? {} : { version }) };
  };
  return [
    member(1, 'frontend', 1),
    member(2, 'catalog', 1),
    member(3, 'catalog', 2),
    member(4, 'reviews', 1, 'v1'),
    member(5, 'reviews', 2, 'v2'),
    member(6, 'payments', 1),
  ];
}
