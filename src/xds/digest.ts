import { createHash } from 'node:crypto';

/** The fingerprint of a set of resources: four sums modulo 2^32, so that a change costs what changes and order is nothing. */
export type Digest = readonly [number, number, number, number];

/** Of the empty set. */
export const emptyDigest: Digest = [0, 0, 0, 0];

/** Of a set with one resource. */
export function digestOf(name: string, version: string): Digest {
  const hash = createHash('sha256').update(`${name}\0${version}`).digest();
  return [hash.readUInt32LE(0), hash.readUInt32LE(4), hash.readUInt32LE(8), hash.readUInt32LE(12)];
}

/** Of two sets that share nothing. */
export function joined(one: Digest, other: Digest): Digest {
  return [(one[0] + other[0]) >>> 0, (one[1] + other[1]) >>> 0, (one[2] + other[2]) >>> 0, (one[3] + other[3]) >>> 0];
}

/** Of a set without a part of it. */
export function without(whole: Digest, part: Digest): Digest {
  return [
    (whole[0] - part[0]) >>> 0,
    (whole[1] - part[1]) >>> 0,
    (whole[2] - part[2]) >>> 0,
    (whole[3] - part[3]) >>> 0,
  ];
}

/** X31, X32: the `version_info` of a set follows from names and versions alone. */
export function versionOf(digest: Digest): string {
  return Buffer.from(Uint32Array.from(digest).buffer).toString('base64url').slice(0, 16);
}
