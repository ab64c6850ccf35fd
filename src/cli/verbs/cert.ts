import type { RotationStep } from '../../model/rotation-status.ts';
import { duration, oneOf, onOff, UsageError, value } from '../flag.ts';
import { readFlags } from '../read-flags.ts';
import { defineVerb } from '../verb.ts';

/** The flags of `weft cert list`. */
export const certListFlags = {
  ...readFlags,
  expiring: value({ placeholder: 'TIME', help: 'only what ends within this time, 7d for example' }, duration),
} as const;

export const certListVerb = defineVerb({
  name: 'cert list',
  summary: 'List certificates: roots and issuers, then one line for each identity',
  notes:
    'ROOT is the beginning of the fingerprint of the root that a certificate is under; HOLDERS counts connected proxies.',
  example: 'weft cert list --expiring 7d',
  arguments: [],
  flags: certListFlags,
  formats: ['table', 'wide', 'json', 'yaml', 'name'],
  run: async (context) => (await import('../actions/cert-list.ts')).certList(context),
});

/** The flags of `weft cert inspect`. */
export const certInspectFlags = readFlags;

export const certInspectVerb = defineVerb({
  name: 'cert inspect',
  summary:
    'Show all about one certificate: of an identity or an account, of a root or issuer by its fingerprint, or of a PEM file',
  example: 'weft cert inspect reviews.shop',
  arguments: [
    { name: 'what', help: 'spiffe://…, ACCOUNT.NAMESPACE, the beginning of a fingerprint, or a file', required: true },
  ],
  flags: certInspectFlags,
  formats: ['table', 'json', 'yaml'],
  run: async (context) => (await import('../actions/cert-inspect.ts')).certInspect(context),
});

// Written out: definitions of verbs load nothing but their own light files.
const steps = ['prepare', 'activate', 'finish', 'abort'] as const satisfies readonly RotationStep[];

/** The flags of `weft cert rotate`. */
export const certRotateFlags = {
  ...readFlags,
  root: onOff({ help: 'the root; issuers and leaves are renewed by themselves' }),
  step: value(
    {
      placeholder: 'STEP',
      help: 'prepare: trust a new root, too; activate: sign under it; finish: forget the old one; abort: take it back',
    },
    oneOf(steps),
  ),
  wait: onOff({
    help: 'wait until --timeout: before activate and finish for those whom the step needs, after prepare and finish for all',
  }),
  compromised: onOff({
    help: 'the root is in wrong hands: a new one signs, nobody trusts the old one 60 s later, with proof or without',
  }),
  fingerprint: value(
    { placeholder: 'SHA256', help: 'with --compromised: which root (the one that signs, or signed before)' },
    fingerprint,
  ),
} as const;

export const certRotateVerb = defineVerb({
  name: 'cert rotate',
  summary:
    'Change the root in steps, each when all live proxies follow; without --step: how far it is, and who does not',
  example: 'weft cert rotate --root --step prepare',
  arguments: [],
  flags: certRotateFlags,
  formats: ['table', 'json', 'yaml'],
  run: async (context) => (await import('../actions/cert-rotate.ts')).certRotate(context),
});

function fingerprint(given: string): string {
  if (/^[0-9a-f]{64}$/.test(given)) return given;
  throw new UsageError(`"${given}" is not 64 hexadecimal digits; weft cert inspect shows them`);
}
