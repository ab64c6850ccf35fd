import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import {
  bitString,
  booleanTrue,
  contextConstructed,
  contextPrimitive,
  type Der,
  decodeDer,
  encodeDer,
  nothing,
  objectId,
  octetString,
  sequence,
  setOf,
  unsignedInteger,
  utf8String,
} from '../../src/ca/der.ts';
import { oid } from '../../src/ca/object-ids.ts';

export interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

/** A request that somebody might send, and what is known of it from its making. */
export interface GeneratedCsr {
  readonly der: Buffer;
  readonly keys: KeyPair;
  /** What is wrong with it, in a word; empty: it must be signed. */
  readonly tricks: readonly string[];
  /** Whether it is signed by its own key: others say so, too. */
  readonly isGenuine: boolean;
}

interface Parts {
  keys: KeyPair;
  version: number;
  subject: Der;
  attributes: Der[];
  signer: KeyObject;
}

const pair = (curve: string): KeyPair => generateKeyPairSync('ec', { namedCurve: curve });
const rsa = (bits: number, publicExponent = 65_537): KeyPair =>
  generateKeyPairSync('rsa', { modulusLength: bits, publicExponent });

/** Makes requests by chance: about half are right, the others have one to three tricks. Keys come from a small pool. */
export function createCsrGenerator(id: string, random: () => number): () => GeneratedCsr {
  const pick = <T>(items: readonly T[]): T => {
    const item = items[Math.floor(random() * items.length)];
    if (item === undefined) throw new RangeError('nothing to pick from');
    return item;
  };
  const good = [...Array.from({ length: 12 }, () => pair('P-256')), pair('P-384'), rsa(2_048), rsa(3_072)];
  const weak: readonly (readonly [string, KeyPair])[] = [
    ['RSA 1024', rsa(1_024)],
    ['e = 3', rsa(2_048, 3)],
    ['P-521', pair('P-521')],
    ['secp256k1', pair('secp256k1')],
  ];
  const stranger = pair('P-256');

  const uri = (text: string) => contextPrimitive(6, Buffer.from(text, 'latin1'));
  const altNames = (...names: readonly Der[]) =>
    sequence(objectId(oid.subjectAltName), octetString(encodeDer(sequence(...names))));
  const wish = (...extensions: readonly Der[]) =>
    sequence(objectId(oid.extensionRequest), setOf(sequence(...extensions)));
  const constraints = (isAuthority: boolean) =>
    sequence(
      objectId(oid.basicConstraints),
      booleanTrue(),
      octetString(encodeDer(sequence(...(isAuthority ? [booleanTrue()] : [])))),
    );
  const purposes = (...ids: readonly string[]) =>
    sequence(objectId(oid.extendedKeyUsage), octetString(encodeDer(sequence(...ids.map(objectId)))));
  const usage = sequence(
    objectId(oid.keyUsage),
    booleanTrue(),
    octetString(encodeDer(bitString(Uint8Array.of(0x06), 1))),
  );
  const commonName = (text: string) => sequence(setOf(sequence(objectId(oid.commonName), utf8String(text))));
  const foreign = [
    id.replace('demo.mesh', 'other.mesh'),
    `${id}\0.evil`,
    id.replace('reviews', 'review%73'),
    id.replace('/sa/', '/sa/../sa/'),
    id.toUpperCase(),
    `${id}/`,
    id.replace('reviews', 'payments'),
    'spiffe://demo.mesh',
    'https://demo.mesh/ns/shop/sa/reviews',
    '',
  ];

  const tricks: readonly (readonly [string, (parts: Parts) => void])[] = [
    ['subject', (parts) => Object.assign(parts, { subject: commonName(pick(['xds.weft', 'reviews', id])) })],
    ['version', (parts) => Object.assign(parts, { version: pick([1, 2, 3]) })],
    ['more names', (parts) => Object.assign(parts, { attributes: [wish(altNames(uri(id), uri(pick(foreign))))] })],
    ['its name twice', (parts) => Object.assign(parts, { attributes: [wish(altNames(uri(id), uri(id)))] })],
    ['another name', (parts) => Object.assign(parts, { attributes: [wish(altNames(uri(pick(foreign))))] })],
    [
      'a DNS name',
      (parts) => Object.assign(parts, { attributes: [wish(altNames(contextPrimitive(2, Buffer.from('xds.weft'))))] }),
    ],
    [
      'an address',
      (parts) => Object.assign(parts, { attributes: [wish(altNames(contextPrimitive(7, Buffer.of(127, 0, 0, 1))))] }),
    ],
    ['CA:TRUE', (parts) => parts.attributes.push(wish(constraints(true)))],
    ['CA:FALSE said', (parts) => Object.assign(parts, { attributes: [wish(altNames(uri(id)), constraints(false))] })],
    ['key usage', (parts) => Object.assign(parts, { attributes: [wish(usage)] })],
    [
      'EKU',
      (parts) => Object.assign(parts, { attributes: [wish(purposes(pick(['1.3.6.1.5.5.7.3.3', '2.5.29.37.0'])))] }),
    ],
    [
      'a password',
      (parts) =>
        Object.assign(parts, { attributes: [sequence(objectId('1.2.840.113549.1.9.7'), setOf(utf8String('x')))] }),
    ],
    ['an empty wish', (parts) => Object.assign(parts, { attributes: [wish()] })],
    ['another signer', (parts) => Object.assign(parts, { signer: stranger.privateKey, keys: pick(good.slice(0, 12)) })],
  ];

  return () => {
    const keys = pick(good);
    const parts: Parts = {
      keys,
      version: 0,
      subject: sequence(),
      attributes: pick([[], [wish(altNames(uri(id)))]]).slice(),
      signer: keys.privateKey,
    };
    const done: string[] = [];
    if (random() < 0.1) {
      const [name, weakKeys] = pick(weak);
      Object.assign(parts, { keys: weakKeys, signer: weakKeys.privateKey });
      done.push(name);
    }
    for (let left = random() < 0.5 ? 0 : 1 + Math.floor(random() * 3); left > 0; left -= 1) {
      const [name, play] = pick(tricks);
      if (name === 'another signer' && done.length > 0) continue;
      play(parts);
      done.push(name);
    }
    return { der: write(parts), keys: parts.keys, tricks: done, isGenuine: parts.signer !== stranger.privateKey };
  };
}

function write({ keys, version, subject, attributes, signer }: Parts): Buffer {
  const info = sequence(
    unsignedInteger(Uint8Array.of(version)),
    subject,
    decodeDer(keys.publicKey.export({ type: 'spki', format: 'der' })),
    contextConstructed(0, ...attributes),
  );
  const isRsa = keys.publicKey.asymmetricKeyType === 'rsa';
  const algorithm = isRsa ? sequence(objectId(oid.rsaWithSha256), nothing()) : sequence(objectId(oid.ecdsaWithSha256));
  return encodeDer(sequence(info, algorithm, bitString(sign('sha256', encodeDer(info), signer))));
}
