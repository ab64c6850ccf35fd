import { Failure } from '../model/failure.ts';
import { nearestName } from '../model/nearest-name.ts';
import type { ProxyStatus } from '../model/status.ts';
import type { ApiClient } from './api-client.ts';
import { readItems } from './read-api.ts';

/**
 * The proxy that a name means (section 2.1 of experience.md): `proxy/reviews-2.shop`, `reviews-2.shop`, `reviews-2`, or a service,
 * for which its first proxy stands. A namespace that was asked for decides between equal names. Throws Failure WEFT0920.
 */
export async function findProxy(api: ApiClient, asked: string, namespace: string | undefined): Promise<ProxyStatus> {
  const all = await readItems<ProxyStatus>(api, '/api/v1/proxies');
  return chooseProxy(all, asked, namespace);
}

/** The choice itself. */
export function chooseProxy(all: readonly ProxyStatus[], asked: string, namespace: string | undefined): ProxyStatus {
  const name = asked.replace(/^proxy\//, '');
  const idOf = (proxy: ProxyStatus) => `${proxy.name}.${proxy.namespace}`;
  const near = namespace === undefined ? all : all.filter((proxy) => proxy.namespace === namespace);
  const exact = all.find((proxy) => idOf(proxy) === name);
  if (exact !== undefined) return exact;
  const byName = near.filter((proxy) => proxy.name === name);
  const byService = near.filter((proxy) => proxy.service === name || `${proxy.service}.${proxy.namespace}` === name);
  const found = byName.length > 0 ? byName : byService;
  const namespaces = [...new Set(found.map((proxy) => proxy.namespace))];
  if (namespaces.length > 1) {
    throw new Failure('WEFT0920', `"${name}" is in ${namespaces.join(' and ')}`, `write ${name}.${namespaces[0]}`);
  }
  const [first] = found;
  if (first !== undefined) return first;
  const meant = nearestName(
    name,
    near.flatMap((proxy) => [idOf(proxy), proxy.name, proxy.service]),
  );
  const hint = meant === undefined ? 'weft proxies lists the connected ones' : `did you mean "${meant}"?`;
  throw new Failure(
    'WEFT0920',
    `there is no proxy "${name}"${namespace === undefined ? '' : ` in ${namespace}`}`,
    hint,
  );
}
