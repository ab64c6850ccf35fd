import { createPrivateKey } from 'node:crypto';

/** Texts of which each gives a private key away: lines of its PEM, its DER and its number, as base64, base64url or hex. */
export function formsOfKey(pem: string): readonly string[] {
  const key = createPrivateKey(pem);
  const { d = '' } = key.export({ format: 'jwk' });
  const lines = [pem, key.export({ type: 'pkcs8', format: 'pem' }).toString()].flatMap((text) =>
    text.split('\n').filter((line) => line.length === 64),
  );
  const der = key.export({ type: 'pkcs8', format: 'der' });
  return [
    ...new Set([...lines, der.toString('base64'), der.toString('hex'), ...formsOfBytes(Buffer.from(d, 'base64url'))]),
  ];
}

/** Texts of which each gives these bytes away. */
export function formsOfBytes(bytes: Buffer): readonly string[] {
  const base64 = bytes.toString('base64').replace(/=+$/, '');
  const list = [...bytes].join(',');
  return [
    ...new Set([base64, bytes.toString('base64url'), bytes.toString('hex'), bytes.toString('hex').toUpperCase(), list]),
  ];
}

/** Which of these stand in which text: `where: what`. */
export function foundIn(
  texts: Readonly<Record<string, string>>,
  needles: ReadonlyMap<string, readonly string[]>,
): readonly string[] {
  return Object.entries(texts).flatMap(([where, text]) =>
    [...needles].filter(([, forms]) => forms.some((form) => text.includes(form))).map(([what]) => `${where}: ${what}`),
  );
}
