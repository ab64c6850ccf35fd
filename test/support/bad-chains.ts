import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import {
  bitString,
  booleanTrue,
  contextConstructed,
  contextPrimitive,
  type Der,
  decodeDer,
  encodeDer,
  encodePem,
  objectId,
  octetString,
  sequence,
  setOf,
  time,
  unsignedInteger,
  utf8String,
} from '../../src/ca/der.ts';
import { oid } from '../../src/ca/object-ids.ts';

/** What a client presents: its chain (leaf first, PEM) and its key. */
export interface PresentedChain {
  readonly name: string;
  readonly chain: string;
  readonly key: string;
}

interface Made {
  readonly der: Buffer;
  readonly name: Der;
  readonly keys: { readonly publicKey: KeyObject; readonly privateKey: KeyObject };
}

/** Everything that a certificate may say otherwise than it should. */
interface Wrong {
  readonly from?: number;
  readonly until?: number;
  readonly version?: 'none';
  readonly isAuthority?: boolean | 'unsaid';
  readonly pathLength?: number;
  readonly usage?: number | 'none';
  readonly purposes?: readonly string[];
  readonly more?: readonly Der[];
  readonly signer?: KeyObject;
  readonly issuer?: Der;
  readonly digest?: 'sha1' | 'sha256';
  readonly outer?: string;
  readonly uri?: string;
  readonly change?: (der: Buffer) => Buffer;
}

const day = 86_400_000;
const now = Date.now();
const id = 'spiffe://demo.mesh/ns/shop/sa/reviews';
const nameOf = (text: string) => sequence(setOf(sequence(objectId(oid.commonName), utf8String(text))));
const extension = (id: string, value: Der, critical = false) =>
  sequence(objectId(id), ...(critical ? [booleanTrue()] : []), octetString(encodeDer(value)));
const keyId = (key: KeyObject) =>
  createHash('sha1')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest();

function make(
  kind: 'root' | 'issuer' | 'leaf',
  above: Made | undefined,
  wrong: Wrong = {},
  title: string = kind,
): Made {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = kind === 'leaf' ? sequence() : nameOf(`Test ${title}`);
  const isAuthority = wrong.isAuthority ?? kind !== 'leaf';
  const usage = wrong.usage ?? (kind === 'leaf' ? 0x80 : 0x06);
  const purposes = wrong.purposes ?? (kind === 'leaf' ? [oid.serverAuth, oid.clientAuth] : []);
  const length = wrong.pathLength ?? (kind === 'issuer' ? 0 : undefined);
  const constraints = sequence(
    ...(isAuthority === true
      ? [booleanTrue(), ...(length === undefined ? [] : [unsignedInteger(Buffer.of(length))])]
      : []),
  );
  const uri = wrong.uri ?? id;
  const extensions = [
    ...(isAuthority === 'unsaid' ? [] : [extension(oid.basicConstraints, constraints, true)]),
    ...(usage === 'none' ? [] : [extension(oid.keyUsage, bitString(Buffer.of(usage), usage === 0x80 ? 7 : 1), true)]),
    ...(purposes.length > 0 ? [extension(oid.extendedKeyUsage, sequence(...purposes.map(objectId)))] : []),
    extension(oid.subjectKeyIdentifier, octetString(keyId(keys.publicKey))),
    extension(oid.authorityKeyIdentifier, sequence(contextPrimitive(0, keyId((above?.keys ?? keys).publicKey)))),
    ...(kind === 'leaf' ? [extension(oid.subjectAltName, sequence(contextPrimitive(6, Buffer.from(uri))), true)] : []),
    ...(wrong.more ?? []),
  ];
  const algorithm = (dotted: string) => sequence(objectId(dotted));
  const inner = wrong.digest === 'sha1' ? '1.2.840.10045.4.1' : oid.ecdsaWithSha256;
  const tbs = sequence(
    ...(wrong.version === 'none' ? [] : [contextConstructed(0, unsignedInteger(Buffer.of(2)))]),
    unsignedInteger(randomBytes(16)),
    algorithm(inner),
    wrong.issuer ?? above?.name ?? name,
    sequence(time(wrong.from ?? now - day), time(wrong.until ?? now + day)),
    name,
    decodeDer(keys.publicKey.export({ type: 'spki', format: 'der' })),
    ...(wrong.version === 'none' ? [] : [contextConstructed(3, sequence(...extensions))]),
  );
  const signature = sign(wrong.digest ?? 'sha256', encodeDer(tbs), wrong.signer ?? (above?.keys ?? keys).privateKey);
  const der = encodeDer(sequence(tbs, algorithm(wrong.outer ?? inner), bitString(signature)));
  return { der: wrong.change?.(der) ?? der, name, keys };
}

const flip =
  (at: number) =>
  (der: Buffer): Buffer => {
    const copy = Buffer.from(der);
    const index = at < 0 ? der.length + at : at;
    copy[index] = (copy[index] ?? 0) ^ 0x01;
    return copy;
  };
/** Other letters where some stood, the signature as it was. */
const replace =
  (text: string, by: string) =>
  (der: Buffer): Buffer =>
    Buffer.from(der.toString('latin1').replace(text, by), 'latin1');

/** A root that is trusted, a good chain under it, and chains that nobody may believe (T18). */
export function createBadChains(): {
  readonly root: string;
  /** PKCS#8, PEM. */
  readonly rootKey: string;
  readonly good: PresentedChain;
  readonly bad: readonly PresentedChain[];
} {
  const root = make('root', undefined);
  const issuer = make('issuer', root);
  const good = make('leaf', issuer);
  const stranger = make('root', undefined, {}, 'stranger');
  const twin = make('root', undefined);
  const twinIssuer = make('issuer', twin);
  const pem = (...made: readonly Made[]) => made.map(({ der }) => encodePem('CERTIFICATE', der)).join('');
  const keyOf = ({ keys }: Made) => keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const bad: PresentedChain[] = [];
  const present = (name: string, leaf: Made, ...above: readonly Made[]) =>
    bad.push({ name, chain: pem(leaf, ...above), key: keyOf(leaf) });
  const badLeaf = (name: string, wrong: Wrong) => present(`a leaf ${name}`, make('leaf', issuer, wrong), issuer);
  const badIssuer = (name: string, wrong: Wrong) => {
    const own = make('issuer', root, wrong);
    present(`an issuer ${name}`, make('leaf', own), own);
  };
  const badBoth = (name: string, wrong: Wrong) => {
    badLeaf(name, wrong);
    badIssuer(name, wrong);
  };

  for (const [words, ago] of [
    ['a minute', 60_000],
    ['an hour', day / 24],
    ['a day', day],
    ['ten years', 3_650 * day],
  ] as const)
    badBoth(`that ended ${words} ago`, { from: now - 4_000 * day, until: now - ago });
  for (const [words, ahead] of [
    ['an hour', day / 24],
    ['a day', day],
    ['a year', 365 * day],
  ] as const)
    badBoth(`that begins in ${words}`, { from: now + ahead, until: now + 400 * day });
  badBoth('with an unknown critical extension', { more: [extension('1.2.3.4.5', sequence(), true)] });
  badBoth('signed by another key', { signer: stranger.keys.privateKey });
  badBoth('with another issuer in its name', { issuer: nameOf('Test other') });
  badBoth('with a changed signature', { change: flip(-3) });
  badBoth('with a changed serial', { change: flip(24) });
  badBoth('whose two algorithms differ', { outer: oid.ecdsaWithSha384 });
  badLeaf('with its name changed after signing', { change: replace('reviews', 'payment') });
  badLeaf('with its trust domain changed after signing', { change: replace('demo.mesh', 'evil.mesh') });
  badIssuer('with its name changed after signing', { change: replace('Test issuer', 'Test issues') });
  for (const [words, purpose] of [
    ['servers', oid.serverAuth],
    ['code', '1.3.6.1.5.5.7.3.3'],
    ['mail', '1.3.6.1.5.5.7.3.4'],
    ['time stamps', '1.3.6.1.5.5.7.3.8'],
    ['OCSP', '1.3.6.1.5.5.7.3.9'],
    ['IPsec', '1.3.6.1.5.5.7.3.17'],
    ['smart cards', '1.3.6.1.4.1.311.20.2.2'],
  ] as const)
    badLeaf(`for ${words} only`, { purposes: [purpose] });
  badLeaf('that may only agree on keys of others', { usage: 0x06 });
  badIssuer('that is no authority', { isAuthority: false });
  badIssuer('without basic constraints', { isAuthority: 'unsaid', usage: 'none' });
  badIssuer('without basic constraints that may sign', { isAuthority: 'unsaid' });
  badIssuer('that may not sign certificates', { usage: 0x80 });
  badIssuer('of version 1', { version: 'none' });
  badIssuer('for servers only', { purposes: [oid.serverAuth] });
  badIssuer('for code only', { purposes: ['1.3.6.1.5.5.7.3.3'] });
  const excluded = contextConstructed(1, sequence(contextPrimitive(6, Buffer.from('demo.mesh'))));
  badIssuer('that excludes the trust domain', { more: [extension('2.5.29.30', sequence(excluded), true)] });
  const permitted = contextConstructed(0, sequence(contextPrimitive(6, Buffer.from('other.mesh'))));
  badIssuer('that permits another trust domain only', { more: [extension('2.5.29.30', sequence(permitted), true)] });

  present('a chain without its issuer', good);
  present('a chain with another issuer of the same name', good, make('issuer', root));
  present('a leaf of a stranger', make('leaf', stranger), stranger);
  present('a leaf of a stranger below its issuer', make('leaf', make('issuer', stranger)), make('issuer', stranger));
  present('a twin root of the same name', make('leaf', twinIssuer), twinIssuer, twin);
  present('a twin root, not sent', make('leaf', twinIssuer), twinIssuer);
  present('a leaf of a twin below the true issuer', make('leaf', twinIssuer), issuer);
  present('a leaf that signed itself', make('leaf', undefined));
  present('a leaf that signed itself above the true issuer', make('leaf', undefined), issuer);
  present('a leaf as authority', make('leaf', good), good, issuer);
  const second = make('leaf', good);
  present('two leaves as authorities', make('leaf', second), second, good, issuer);
  const deep = make('issuer', issuer, {}, 'deep');
  present('an authority below a path of none', make('leaf', deep), deep, issuer);
  const deeper = make('issuer', deep, {}, 'deeper');
  present('two authorities below a path of none', make('leaf', deeper), deeper, deep, issuer);
  const claimed = make('leaf', issuer, { isAuthority: true, usage: 0x06, purposes: [], pathLength: 5 });
  present('a leaf that calls itself authority, signing', make('leaf', claimed), claimed, issuer);
  present('the root as leaf', { ...root, keys: root.keys });
  return {
    root: pem(root),
    rootKey: keyOf(root),
    good: { name: 'the good one', chain: pem(good, issuer), key: keyOf(good) },
    bad,
  };
}
