import forge from 'node-forge';

declare module 'node-forge' {
  namespace asn1 {
    /** The options form of the parser; `decodeBitStrings: false` keeps a BIT STRING as the bytes it is. */
    function fromDer(
      bytes: string,
      options: { strict: boolean; parseAllBytes: boolean; decodeBitStrings: boolean },
    ): Asn1;
  }
}

/**
 * DER and PEM by node-forge's `asn1` and `pem`, the only parts of it that Weft uses (T18): it cannot read EC keys or
 * certificates, and no key, signature or hash passes through it. This is the only file that imports it.
 */
export type Der = forge.asn1.Asn1;

const { Class, Type } = forge.asn1;

type UniversalType = 'SEQUENCE' | 'SET' | 'INTEGER' | 'BITSTRING' | 'OCTETSTRING' | 'OID' | 'BOOLEAN' | 'NULL';

const contextSpecific = Class.CONTEXT_SPECIFIC;

export function sequence(...items: readonly Der[]): Der {
  return forge.asn1.create(Class.UNIVERSAL, Type.SEQUENCE, true, [...items]);
}

export function setOf(...items: readonly Der[]): Der {
  return forge.asn1.create(Class.UNIVERSAL, Type.SET, true, [...items]);
}

export function objectId(dotted: string): Der {
  return primitive(Type.OID, objectIdContent(dotted));
}

const objectIds = new Map<string, string>();

/** Only identifiers of this program come here: a handful, written once. */
function objectIdContent(dotted: string): string {
  const known = objectIds.get(dotted) ?? forge.asn1.oidToDer(dotted).getBytes();
  objectIds.set(dotted, known);
  return known;
}

export function nothing(): Der {
  return primitive(Type.NULL, '');
}

/** DER leaves a default out: write only what is true. */
export function booleanTrue(): Der {
  return primitive(Type.BOOLEAN, '\xff');
}

/** An INTEGER of a non-negative big-endian number, minimal and positive: a zero byte in front only where the sign bit asks for it. */
export function unsignedInteger(bigEndian: Uint8Array): Der {
  const significant = bigEndian.findIndex((byte) => byte !== 0);
  const digits = significant === -1 ? Uint8Array.of(0) : bigEndian.subarray(significant);
  const signed = (digits[0] ?? 0) >= 0x80 ? Buffer.concat([Uint8Array.of(0), digits]) : digits;
  return primitive(Type.INTEGER, binary(signed));
}

export function octetString(content: Uint8Array): Der {
  return primitive(Type.OCTETSTRING, binary(content));
}

/** A BIT STRING of `bytes` without their last `unused` bits. */
export function bitString(bytes: Uint8Array, unused = 0): Der {
  return primitive(Type.BITSTRING, String.fromCharCode(unused) + binary(bytes));
}

export function utf8String(text: string): Der {
  return primitive(Type.UTF8, binary(Buffer.from(text, 'utf8')));
}

/** UTCTime until 2049, GeneralizedTime from 2050 on (RFC 5280 section 4.1.2.5). `at` in milliseconds, cut to seconds. */
export function time(at: number): Der {
  const date = new Date(at);
  return date.getUTCFullYear() < 2050
    ? primitive(Type.UTCTIME, forge.asn1.dateToUtcTime(date))
    : primitive(Type.GENERALIZEDTIME, forge.asn1.dateToGeneralizedTime(date));
}

/** `[tag] IMPLICIT` of primitive content. */
export function contextPrimitive(tag: number, content: Uint8Array): Der {
  return forge.asn1.create(Class.CONTEXT_SPECIFIC, tag, false, binary(content));
}

/** `[tag] EXPLICIT`, or IMPLICIT of a constructed type. */
export function contextConstructed(tag: number, ...items: readonly Der[]): Der {
  return forge.asn1.create(Class.CONTEXT_SPECIFIC, tag, true, [...items]);
}

export function encodeDer(value: Der): Buffer {
  return Buffer.from(forge.asn1.toDer(value).getBytes(), 'binary');
}

/** Reads exactly one DER value; throws on anything else. Bit strings stay bytes (their first one counts the unused bits). */
export function decodeDer(bytes: Uint8Array): Der {
  return forge.asn1.fromDer(binary(bytes), { strict: true, parseAllBytes: true, decodeBitStrings: false });
}

/** A value of this tag byte (0x30: SEQUENCE, 0x04: OCTET STRING, 0xa3: [3]) whose content is written already. */
export function encoded(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const length = content.reduce((sum, part) => sum + part.length, 0);
  if (length >= 0x1_0000) throw new RangeError('longer than any certificate');
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...size), ...content]);
}

/** The content of a primitive value that is written already. */
export function encodedContent(der: Buffer): Buffer {
  return der.subarray(contentStart(der, 0));
}

/** The bytes of each value inside a constructed one, as they stand. `der` must have been read by `decodeDer`. */
export function slicesOf(der: Buffer): readonly Buffer[] {
  const slices: Buffer[] = [];
  let at = contentStart(der, 0);
  while (at < der.length) {
    const start = contentStart(der, at);
    const end = start + contentLength(der, at);
    if (end > der.length) throw new RangeError('not DER');
    slices.push(der.subarray(at, end));
    at = end;
  }
  return slices;
}

function contentStart(der: Buffer, at: number): number {
  const length = der[at + 1] ?? 0;
  return at + 2 + (length < 0x80 ? 0 : length - 0x80);
}

function contentLength(der: Buffer, at: number): number {
  const length = der[at + 1] ?? 0;
  return length < 0x80 ? length : der.readUIntBE(at + 2, Math.min(length - 0x80, 6));
}

/** The children of a constructed value; empty for a primitive one. */
export function childrenOf(value: Der): readonly Der[] {
  return typeof value.value === 'string' ? [] : value.value;
}

/** The content of a primitive value; empty for a constructed one. */
export function contentOf(value: Der): Buffer {
  return Buffer.from(typeof value.value === 'string' ? value.value : '', 'binary');
}

export function objectIdOf(value: Der): string {
  return forge.asn1.derToOid(contentOf(value).toString('binary'));
}

/** True if an OBJECT IDENTIFIER has exactly the bytes of this one: a padded form of the same number is another. */
export function isObjectId(value: Der | undefined, dotted: string): boolean {
  return isType(value, 'OID') && value.value === objectIdContent(dotted);
}

/** True if the value is of this universal type, constructed exactly where the type is. */
export function isType(value: Der | undefined, type: UniversalType): value is Der {
  return (
    value?.tagClass === Class.UNIVERSAL &&
    value.type === Type[type] &&
    value.constructed === (type === 'SEQUENCE' || type === 'SET')
  );
}

/** True for `[tag]`, primitive or constructed. */
export function isContext(value: Der | undefined, tag: number): value is Der {
  return value !== undefined && value.tagClass === contextSpecific && Number(value.type) === tag;
}

/** Milliseconds of a UTCTime or GeneralizedTime. */
export function timeOf(value: Der): number {
  const text = contentOf(value).toString('binary');
  const date = value.type === Type.UTCTIME ? forge.asn1.utcTimeToDate(text) : forge.asn1.generalizedTimeToDate(text);
  return date.getTime();
}

/** `-----BEGIN <label>-----` and so on, lines of 64, ended by LF alone. Base64 is Node's: node-forge's takes as long as a signature. */
export function encodePem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/** The blocks of a PEM text, in order. Throws on text that holds none. */
export function decodePem(text: string): readonly { readonly label: string; readonly der: Buffer }[] {
  return forge.pem.decode(text).map(({ type, body }) => ({ label: type, der: Buffer.from(body, 'binary') }));
}

function primitive(type: forge.asn1.Type, content: string): Der {
  return forge.asn1.create(Class.UNIVERSAL, type, false, content);
}

/** node-forge speaks strings of one character per byte. */
function binary(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('binary');
}
