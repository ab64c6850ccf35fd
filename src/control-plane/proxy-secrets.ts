import type { Authority } from '../ca/authority.ts';
import type { Svid } from '../ca/svid.ts';
import type { SvidSource } from '../ca/svid-source.ts';
import { parseSpiffeId } from '../model/identity.ts';
import type { Proxy } from '../model/proxy.ts';
import type { Readable } from '../model/readable.ts';
import type { SecretMaterial } from '../translate/translate-secrets.ts';

/**
 * What each proxy's secrets are made of: the SVID of its identity and the trust bundle. One value for each SVID and bundle, shared by all
 * proxies of the identity, so that its resources are encoded once. `onFailure` hears why there is none (identity fails closed).
 */
export function createProxySecrets(
  authority: Authority,
  svids: SvidSource,
  onFailure: (error: unknown, what: string) => void,
): (proxy: Proxy) => Readable<SecretMaterial | undefined> {
  const made = new WeakMap<Svid, SecretMaterial>();
  const material = (svid: Svid): SecretMaterial => {
    const { roots } = authority.bundle.get();
    const known = made.get(svid);
    if (known?.bundle === roots) return known;
    const fresh = { certificateChain: svid.certificateChain, privateKey: svid.privateKey.expose(), bundle: roots };
    made.set(svid, fresh);
    return fresh;
  };
  return (proxy) => {
    const identity = parseSpiffeId(proxy.identity);
    if (identity === undefined) throw new RangeError(`not a SPIFFE ID: ${proxy.identity}`);
    const get = (): SecretMaterial | undefined => {
      try {
        return material(svids.get(identity));
      } catch (error) {
        onFailure(error, `certificate of ${proxy.id}`);
        return undefined;
      }
    };
    return {
      get,
      watch(onChange) {
        const changed = () => onChange(get());
        const stops = [svids.subscribe(identity, changed), authority.bundle.watch(changed)];
        return () => {
          for (const stop of stops) stop();
        };
      },
    };
  };
}
