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
import { writeCsr } from '../../src/ca/write-csr.ts';
import type { SpiffeId } from '../../src/model/identity.ts';

/** What a request may say; absent: as a right one says it. */
export interface Wish {
  readonly keys?: { readonly publicKey: KeyObject; readonly privateKey: KeyObject };
  readonly keyInfo?: Der;
  readonly version?: Uint8Array;
  readonly subject?: Der;
  readonly attributes?: readonly Der[];
  readonly algorithm?: Der;
  readonly digest?: string;
  readonly signer?: KeyObject;
  readonly signature?: (bytes: Buffer) => Der;
}

const p256 = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
const pair = p256();

export const uri = (text: string, tag = 6) => contextPrimitive(tag, Buffer.from(text, 'latin1'));
export const altNames = (...names: readonly Der[]) =>
  sequence(objectId(oid.subjectAltName), octetString(encodeDer(sequence(...names))));
export const wish = (...extensions: readonly Der[]) =>
  sequence(objectId(oid.extensionRequest), setOf(sequence(...extensions)));
export const ecdsa = (dotted: string, ...parameters: readonly Der[]) => sequence(objectId(dotted), ...parameters);

/** A request of any making, signed by its own key unless told otherwise. */
export function csrOf(parts: Wish): Buffer {
  const keys = parts.keys ?? pair;
  const info = sequence(
    unsignedInteger(parts.version ?? Uint8Array.of(0)),
    parts.subject ?? sequence(),
    parts.keyInfo ?? decodeDer(keys.publicKey.export({ type: 'spki', format: 'der' })),
    contextConstructed(0, ...(parts.attributes ?? [])),
  );
  const bytes = sign(parts.digest ?? 'sha256', encodeDer(info), parts.signer ?? keys.privateKey);
  return encodeDer(
    sequence(
      info,
      parts.algorithm ?? ecdsa(oid.ecdsaWithSha256),
      (parts.signature ?? ((each) => bitString(each)))(bytes),
    ),
  );
}

const weakRsa = generateKeyPairSync('rsa', { modulusLength: 1_024 });
const oddRsa = generateKeyPairSync('rsa', { modulusLength: 2_048, publicExponent: 3 });
const pss = generateKeyPairSync('rsa-pss', { modulusLength: 2_048 });
const k1 = generateKeyPairSync('ec', { namedCurve: 'secp256k1' });
const p521 = generateKeyPairSync('ec', { namedCurve: 'P-521' });
const ed = generateKeyPairSync('ed25519');
const rsa256 = ecdsa(oid.rsaWithSha256, nothing());
const spki = pair.publicKey.export({ type: 'spki', format: 'der' });
const keyAlgorithm = sequence(objectId(oid.ecPublicKey), objectId(oid.p256));
const point = spki.subarray(-65);
const beside = Buffer.from(point);
beside[64] = (beside[64] ?? 0) ^ 1;
const compressed = Buffer.concat([Buffer.of(2 + ((point[64] ?? 0) & 1)), point.subarray(1, 33)]);
const basicConstraints = sequence(
  objectId(oid.basicConstraints),
  booleanTrue(),
  octetString(encodeDer(sequence(booleanTrue()))),
);
const usage = sequence(objectId(oid.extendedKeyUsage), octetString(encodeDer(sequence(objectId('1.3.6.1.5.5.7.3.3')))));
const commonName = sequence(setOf(sequence(objectId(oid.commonName), utf8String('xds.weft'))));
const challenge = sequence(objectId('1.2.840.113549.1.9.7'), setOf(utf8String('secret')));

/** Requests of which each has one thing wrong (T17), with a part of the words that refuse it. `id`: the one that may be asked for. */
export function csrTricks(id: SpiffeId): readonly (readonly [name: string, der: Buffer, words: string])[] {
  const good = writeCsr(pair, id);

  return [
    ['a subject', csrOf({ subject: commonName }), 'asks for a subject'],
    ['version 1', csrOf({ version: Uint8Array.of(1) }), 'version 0'],
    ['CA:TRUE', csrOf({ attributes: [wish(basicConstraints)] }), 'other than an alternative name'],
    [
      'CA:TRUE beside its name',
      csrOf({ attributes: [wish(altNames(uri(id)), basicConstraints)] }),
      'exactly one extension',
    ],
    ['an extended key usage', csrOf({ attributes: [wish(usage)] }), 'other than an alternative name'],
    [
      'the same extension twice',
      csrOf({ attributes: [wish(altNames(uri(id)), altNames(uri(id)))] }),
      'exactly one extension',
    ],
    [
      'two attributes',
      csrOf({ attributes: [wish(altNames(uri(id))), wish(altNames(uri(id)))] }),
      'more than one attribute',
    ],
    ['a challenge password', csrOf({ attributes: [challenge] }), 'other than extensions'],
    ['two names', csrOf({ attributes: [wish(altNames(uri(id), uri(id)))] }), 'exactly one name'],
    ['a DNS name', csrOf({ attributes: [wish(altNames(uri('xds.weft', 2)))] }), 'not a URI'],
    [
      'a DNS name beside its own',
      csrOf({ attributes: [wish(altNames(uri(id), uri('a.example', 2)))] }),
      'exactly one name',
    ],
    ['an address', csrOf({ attributes: [wish(altNames(contextPrimitive(7, Buffer.of(127, 0, 0, 1))))] }), 'not a URI'],
    ['no name in its names', csrOf({ attributes: [wish(altNames())] }), 'exactly one name'],
    ['no extension in its wish', csrOf({ attributes: [wish()] }), 'exactly one extension'],
    ['NUL in its name', csrOf({ attributes: [wish(altNames(uri(`${id}\0.evil`)))] }), 'not the SPIFFE ID'],
    ['% in its name', csrOf({ attributes: [wish(altNames(uri(id.replace(/.$/, '%73'))))] }), 'not the SPIFFE ID'],
    [
      '.. in its name',
      csrOf({ attributes: [wish(altNames(uri(id.replace('/sa/', '/sa/../sa/'))))] }),
      'not the SPIFFE ID',
    ],
    ['upper case in its name', csrOf({ attributes: [wish(altNames(uri(id.toUpperCase())))] }), 'not the SPIFFE ID'],
    [
      'upper case in its account',
      csrOf({ attributes: [wish(altNames(uri(id.replace(/(?<=sa.)./, (letter) => letter.toUpperCase()))))] }),
      'not the SPIFFE ID',
    ],
    ['a line end in its name', csrOf({ attributes: [wish(altNames(uri(`${id}\n`)))] }), 'not the SPIFFE ID'],
    ['a query in its name', csrOf({ attributes: [wish(altNames(uri(`${id}?x`)))] }), 'not the SPIFFE ID'],
    [
      'a port in its trust domain',
      csrOf({ attributes: [wish(altNames(uri(id.replace('demo.mesh', 'demo.mesh:1'))))] }),
      'not the SPIFFE ID',
    ],
    ['the trust domain alone', csrOf({ attributes: [wish(altNames(uri('spiffe://demo.mesh')))] }), 'not the SPIFFE ID'],
    ['RSA of 1024 bits', csrOf({ keys: weakRsa, algorithm: rsa256 }), '1024 bits'],
    ['RSA with e = 3', csrOf({ keys: oddRsa, algorithm: rsa256 }), 'exponent'],
    ['an RSA-PSS key', csrOf({ keys: pss, algorithm: rsa256 }), 'not taken'],
    ['secp256k1', csrOf({ keys: k1 }), 'neither EC P-256'],
    ['P-521', csrOf({ keys: p521 }), 'neither EC P-256'],
    ['Ed25519', csrOf({ keyInfo: decodeDer(ed.publicKey.export({ type: 'spki', format: 'der' })) }), 'not taken'],
    ['a compressed point', csrOf({ keyInfo: sequence(keyAlgorithm, bitString(compressed)) }), 'uncompressed'],
    ['a point beside the curve', csrOf({ keyInfo: sequence(keyAlgorithm, bitString(beside)) }), 'not the DER'],
    [
      'a curve without a name',
      csrOf({ keyInfo: sequence(sequence(objectId(oid.ecPublicKey), sequence()), bitString(point)) }),
      'neither EC P-256',
    ],
    ['a signature of another key', csrOf({ signer: p256().privateKey }), 'signature is wrong'],
    ['a signature of another digest', csrOf({ digest: 'sha384' }), 'signature is wrong'],
    ['SHA-1', csrOf({ digest: 'sha1', algorithm: ecdsa('1.2.840.10045.4.1') }), 'not SHA-2'],
    ['an RSA algorithm for an EC key', csrOf({ algorithm: rsa256 }), 'not SHA-2'],
    ['NULL beside ECDSA', csrOf({ algorithm: ecdsa(oid.ecdsaWithSha256, nothing()) }), 'wrong parameters'],
    ['an empty signature', csrOf({ signature: () => bitString(Buffer.of()) }), 'signature is wrong'],
    ['unused bits in its signature', csrOf({ signature: (bytes) => bitString(bytes, 1) }), 'whole number of bytes'],
    ['a byte behind its end', Buffer.concat([good, Buffer.of(0)]), 'not the DER'],
    ['a longer form of its length', Buffer.concat([Buffer.of(0x30, 0x82, 0), good.subarray(2)]), 'not'],
    ['an indefinite length', Buffer.concat([Buffer.of(0x30, 0x80), good.subarray(3), Buffer.of(0, 0)]), 'not'],
    ['no bytes', Buffer.of(), 'not the DER'],
    ['5 KiB', csrOf({ attributes: [wish(altNames(uri(`spiffe://demo.mesh/${'x'.repeat(5_000)}`)))] }), 'longer than'],
    ['deep nesting', Buffer.alloc(4_000, Buffer.of(0x30, 0x80)), 'not the DER'],
    ['a certificate', Buffer.from('3003020100', 'hex'), 'not a PKCS#10'],
  ];
}
