import type { Authority } from '../ca/authority.ts';
import type { Svid } from '../ca/svid.ts';
import type { SvidSource } from '../ca/svid-source.ts';
import { parseSpiffeId } from '../model/identity.ts';
import type { Proxy } from '../model/proxy.ts';
import type { Readable } from '../model/readable.ts';
import type { NamedSecretMaterial, SecretMaterial } from '../translate/translate-secrets.ts';
import type { NamedSecret, NamedSecretSet } from './named-secrets.ts';

/** What proxies are given besides their own certificate. */
export interface OtherSecrets {
  readonly named: Readable<NamedSecretSet>;
  /** Where their machines have the roots of the system. */
  readonly systemRootsFile: string;
}

/**
 * What each proxy's secrets are made of: the SVID of its identity, the trust bundle and the named secrets of its namespace. One value for
 * each SVID, bundle and set of named secrets, shared by all proxies of the identity, so that its resources are encoded once. `onFailure`
 * hears why there is none (identity fails closed).
 */
export function createProxySecrets(
  authority: Authority,
  svids: SvidSource,
  onFailure: (error: unknown, what: string) => void,
  others?: OtherSecrets,
): (proxy: Proxy) => Readable<SecretMaterial | undefined> {
  const made = new WeakMap<Svid, SecretMaterial>();
  const exposed = new WeakMap<readonly NamedSecret[], readonly NamedSecretMaterial[]>();
  const expose = (secrets: readonly NamedSecret[]): readonly NamedSecretMaterial[] => {
    const known = exposed.get(secrets);
    if (known) return known;
    const fresh = secrets.map(exposeOne);
    exposed.set(secrets, fresh);
    return fresh;
  };
  const material = (svid: Svid, namespace: string): SecretMaterial => {
    const { roots } = authority.bundle.get();
    const named = expose(others?.named.get().get(namespace) ?? none);
    const known = made.get(svid);
    if (known?.bundle === roots && known.named === named) return known;
    const fresh = {
      certificateChain: svid.certificateChain,
      privateKey: svid.privateKey.expose(),
      bundle: roots,
      named,
      ...(others && { systemRootsFile: others.systemRootsFile }),
    };
    made.set(svid, fresh);
    return fresh;
  };
  /** No certificate of a proxy that keeps its own key is made here: what it is sent says where that lies (T6). */
  const ownMaterial = (identityFolder: string, namespace: string): (() => SecretMaterial) => {
    let made: SecretMaterial | undefined;
    return () => {
      const { roots } = authority.bundle.get();
      const named = expose(others?.named.get().get(namespace) ?? none);
      if (made?.bundle === roots && made.named === named) return made;
      made = { identityFolder, bundle: roots, named, ...(others && { systemRootsFile: others.systemRootsFile }) };
      return made;
    };
  };
  return (proxy) => {
    const identity = parseSpiffeId(proxy.identity);
    if (identity === undefined) throw new RangeError(`not a SPIFFE ID: ${proxy.identity}`);
    const { identityFolder } = proxy;
    const own = identityFolder === undefined ? undefined : ownMaterial(identityFolder, identity.namespace);
    const get = (): SecretMaterial | undefined => {
      try {
        return own === undefined ? material(svids.get(identity), identity.namespace) : own();
      } catch (error) {
        onFailure(error, `certificate of ${proxy.id}`);
        return undefined;
      }
    };
    return {
      get,
      watch(onChange) {
        const changed = () => onChange(get());
        const stops = [
          ...(own === undefined ? [svids.subscribe(identity, changed)] : []),
          authority.bundle.watch(changed),
        ];
        let held = others?.named.get().get(identity.namespace);
        const named = others?.named.watch((now) => {
          if (now.get(identity.namespace) === held) return;
          held = now.get(identity.namespace);
          changed();
        });
        return () => {
          for (const stop of stops) stop();
          named?.();
        };
      },
    };
  };
}

const none: readonly NamedSecret[] = [];
const exposedOne = new WeakMap<NamedSecret, NamedSecretMaterial>();

function exposeOne(secret: NamedSecret): NamedSecretMaterial {
  const known = exposedOne.get(secret);
  if (known) return known;
  const { name, keys, roots } = secret;
  const fresh = {
    name,
    ...(keys && { keys: { certificateChain: keys.certificateChain, privateKey: keys.privateKey.expose() } }),
    ...(roots && { roots }),
  };
  exposedOne.set(secret, fresh);
  return fresh;
}
