import { type KeyObject, sign } from 'node:crypto';
import type { SpiffeId } from '../model/identity.ts';
import {
  bitString,
  contextConstructed,
  contextPrimitive,
  decodeDer,
  encodeDer,
  objectId,
  octetString,
  sequence,
  setOf,
  unsignedInteger,
} from './der.ts';
import { nameTag, oid } from './object-ids.ts';
import { subjectKeyOf } from './subject-key.ts';

/** Writes a certificate signing request (DER) for an EC P-256 key; with a name if one is given. It reads back by `readCsr`. */
export function writeCsr(
  keys: { readonly publicKey: KeyObject; readonly privateKey: KeyObject },
  name?: SpiffeId,
): Buffer {
  const info = sequence(
    unsignedInteger(Uint8Array.of(0)),
    sequence(),
    decodeDer(subjectKeyOf(keys.publicKey)),
    contextConstructed(0, ...(name === undefined ? [] : [nameRequest(name)])),
  );
  const signature = sign('sha256', encodeDer(info), { key: keys.privateKey, dsaEncoding: 'der' });
  return encodeDer(sequence(info, sequence(objectId(oid.ecdsaWithSha256)), bitString(signature)));
}

function nameRequest(name: SpiffeId) {
  const names = sequence(contextPrimitive(nameTag.uri, Buffer.from(name, 'latin1')));
  const extension = sequence(objectId(oid.subjectAltName), octetString(encodeDer(names)));
  return sequence(objectId(oid.extensionRequest), setOf(sequence(extension)));
}
