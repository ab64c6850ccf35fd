import { escapeRegex } from '../model/escape-regex.ts';
import type { Condition } from '../model/ir-inbound.ts';
import { any } from './condition.ts';
import type { MeshDefaults } from './mesh-defaults.ts';
import { starsToRegex, textForm } from './text-form.ts';

/** One part of an identity, whatever it says. */
const part = '[^/]+';

/**
 * P43: `<trust domain>/ns/<namespace>/sa/<service account>` in the forms of P42. In a principal of all five parts `cluster.local`, the
 * local trust domain and its aliases all mean each of these names; parts of principals are taken as written. A plaintext caller has none.
 */
export function principalCondition(value: string, settings: MeshDefaults): Condition {
  const parts = value.split('/');
  const [trustDomain, ...rest] = parts;
  const { trustDomains } = settings;
  const local = trustDomain === 'cluster.local' || trustDomains.includes(trustDomain ?? '');
  const texts = parts.length === 5 && local ? trustDomains.map((domain) => [domain, ...rest].join('/')) : [value];
  return any(texts.map((text) => ({ kind: 'principal', match: textForm(text, 'not-empty') })));
}

/** A namespace, with stars anywhere (P42). */
export function namespaceCondition(value: string): Condition {
  return identity(part, value === '*' ? part : starsToRegex(value), part);
}

/** `sa`, of the policy's namespace, or `ns/sa` (P42), in the trust domain of the mesh or one of its aliases: nobody else has a certificate. */
export function serviceAccountCondition(value: string, policyNamespace: string, settings: MeshDefaults): Condition {
  const [account = '', namespace = policyNamespace] = value.split('/').reverse();
  const rest = `ns/${namespace}/sa/${account}`;
  return any(
    settings.trustDomains.map((domain) => ({
      kind: 'principal',
      match: { kind: 'exact', value: `${domain}/${rest}` },
    })),
  );
}

/** A trust domain as written, without aliases (P43), in the forms of P42. */
export function trustDomainCondition(value: string): Condition {
  const match = textForm(value, 'not-empty');
  switch (match.kind) {
    case 'exact':
      return identity(escapeRegex(match.value), part, part);
    case 'prefix':
      return identity(`${escapeRegex(match.value)}[^/]*`, part, part);
    case 'suffix':
      return identity(`[^/]*${escapeRegex(match.value)}`, part, part);
    case 'regex':
    case 'present':
      return identity(part, part, part);
    default:
      return match satisfies never;
  }
}

function identity(trustDomain: string, namespace: string, serviceAccount: string): Condition {
  return { kind: 'principal', match: { kind: 'regex', value: `${trustDomain}/ns/${namespace}/sa/${serviceAccount}` } };
}
