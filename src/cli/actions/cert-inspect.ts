import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { Failure } from '../../model/failure.ts';
import { nearestName } from '../../model/nearest-name.ts';
import { errorCode } from '../../store/file-modes.ts';
import { readApi, readValue } from '../read-api.ts';
import { type ListedCertificate, untilText } from '../render/certificates.ts';
import type { ExitCode, VerbContext } from '../verb.ts';
import type { certInspectFlags } from '../verbs/cert.ts';
import { type CertificateAnswer, listed } from './cert-list.ts';

/** `weft cert inspect`: of a file, or of what the control plane knows. Throws Failure WEFT0920 with the nearest name. */
export async function certInspect(context: VerbContext<typeof certInspectFlags>): Promise<ExitCode> {
  const [asked = ''] = context.arguments;
  const now = Date.now();
  const file = resolve(context.cwd, asked);
  const isFile = !asked.includes('://') && existsSync(file) && statSync(file).isFile();
  const found = isFile ? ofFile(file, asked) : await ofServer(asked, context);
  const value = found.length === 1 ? found[0] : { certificates: found };
  context.output.object(
    'Certificate',
    value ?? {},
    found.flatMap((each, index) => [...(index > 0 ? [''] : []), ...lines(each, now)]),
  );
  return found.some(({ notAfter }) => Date.parse(notAfter) <= now) ? 1 : 0;
}

type Shown = Readonly<Record<string, string | number | boolean | undefined>> & { readonly notAfter: string };

function lines(shown: Shown, now: number): readonly string[] {
  const rows = Object.entries(shown).filter(([, value]) => value !== undefined);
  const width = Math.max(...rows.map(([key]) => key.length)) + 2;
  return rows.map(([key, value]) => {
    const note = key === 'notAfter' || key === 'renewsAt' ? `  (${untilText(String(value), now)})` : '';
    return `${key.padEnd(width)}${value}${note}`;
  });
}

const block = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** Every certificate of a PEM file, in its order; keys in it are not looked at. */
function ofFile(file: string, asked: string): readonly Shown[] {
  const texts = textOf(file, asked).match(block) ?? [];
  if (texts.length === 0)
    throw new Failure(
      'WEFT0912',
      `${asked} holds no certificate in PEM`,
      'a file with -----BEGIN CERTIFICATE-----',
      file,
    );
  return texts.map((pem) => shownCertificate(parsed(pem, asked)));
}

function textOf(file: string, asked: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch (error) {
    throw new Failure(
      'WEFT0912',
      `${asked} cannot be read (${errorCode(error)})`,
      'name a file that you may read',
      file,
    );
  }
}

function parsed(pem: string, asked: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    throw new Failure(
      'WEFT0912',
      `${asked} holds a certificate that cannot be read`,
      'get it anew: it is damaged',
      asked,
    );
  }
}

function shownCertificate(certificate: X509Certificate): Shown {
  const { subject, subjectAltName, issuer, serialNumber, validFrom, validTo, fingerprint256, ca, publicKey } =
    certificate;
  const { asymmetricKeyType, asymmetricKeyDetails } = publicKey;
  return {
    names: subjectAltName,
    subject: subject?.replaceAll('\n', ', '),
    issuer: issuer.replaceAll('\n', ', '),
    serial: serialNumber.toLowerCase(),
    notBefore: new Date(validFrom).toISOString(),
    notAfter: new Date(validTo).toISOString(),
    key: `${asymmetricKeyType} ${asymmetricKeyDetails?.namedCurve ?? asymmetricKeyDetails?.modulusLength ?? ''}`.trimEnd(),
    authority: ca,
    fingerprint: fingerprint256.replaceAll(':', '').toLowerCase(),
  };
}

async function ofServer(asked: string, context: VerbContext<typeof certInspectFlags>): Promise<readonly Shown[]> {
  const answer = await readValue<CertificateAnswer>(await readApi(context), '/api/v1/certificates');
  const all = listed(answer);
  const found = all.filter((item) => namesOf(item).some((name) => name === asked || isFingerprint(name, asked)));
  if (found.length === 0) {
    const meant = nearestName(asked, all.flatMap(namesOf));
    const hint = meant === undefined ? 'weft cert list shows them' : `did you mean "${meant}"?`;
    throw new Failure('WEFT0920', `there is no certificate of "${asked}"`, hint);
  }
  const roots = (answer.rootCertificates.match(block) ?? []).map((pem) => shownCertificate(parsed(pem, 'the answer')));
  return found.map((item) => {
    const own = item.kind === 'root' ? roots.find(({ fingerprint }) => fingerprint === item.fingerprint) : undefined;
    const { name: _name, ...rest } = item;
    return { ...own, ...rest };
  });
}

/** `spiffe://demo.mesh/ns/shop/sa/reviews` is `reviews.shop`, too. */
function namesOf(item: ListedCertificate): readonly string[] {
  if (item.kind !== 'svid') return [item.fingerprint];
  const [, namespace, account] = /\/ns\/([^/]+)\/sa\/([^/]+)$/.exec(item.identity) ?? [];
  return [
    item.identity,
    `${account}.${namespace}`,
    item.serial,
    ...(item.ownKeyOf === undefined ? [] : [item.ownKeyOf]),
  ];
}

function isFingerprint(name: string, asked: string): boolean {
  return /^[0-9a-f]{6,64}$/.test(asked) && name.startsWith(asked);
}
