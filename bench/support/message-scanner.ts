/** Numbers of the fields that are looked for; every field of a discovery message is length-delimited. */
export interface ScannedFields {
  readonly typeUrl: number;
  readonly nonce: number;
  /** Counted, and with `noteVersions` looked into. */
  readonly resources: number;
  readonly removed: number;
}

export const responseFields: ScannedFields = { typeUrl: 4, nonce: 5, resources: 2, removed: 6 };
export const requestFields: ScannedFields = { typeUrl: 2, nonce: 6, resources: 3, removed: 4 };

/** What is known of a message once its last byte has come. Reused for the next one: good until the callback returns. */
export interface Scanned {
  typeUrl: string;
  readonly nonce: Buffer;
  nonceLength: number;
  resources: number;
  removed: number;
  /** Name and version of each resource, in turn; empty without `noteVersions`. */
  named: string[];
}

/** What is read next: the prefix of gRPC, a tag, a length, a value to pass over, a value to keep. */
const [inPrefix, inTag, inLength, inSkipped, inKept] = [0, 1, 2, 3, 4];
const inResource = { version: 1, name: 3 } as const;

/**
 * Reads gRPC messages from pieces of any size: finds type, nonce and counts, passes over everything else where it stands. No
 * message is put together or copied. `typeOnly` passes over the rest of a message once its type is known.
 */
export function createMessageScanner(
  fields: ScannedFields,
  options: { readonly noteVersions?: boolean; readonly typeOnly?: boolean },
  whole: (message: Scanned) => void,
): (chunk: Uint8Array, start: number, end: number) => void {
  const { noteVersions = false, typeOnly = false } = options;
  const found: Scanned = {
    typeUrl: '',
    nonce: Buffer.alloc(128),
    nonceLength: 0,
    resources: 0,
    removed: 0,
    named: [],
  };
  const kept = Buffer.alloc(512);
  let keptLength = 0;
  let phase = inPrefix;
  let prefixRead = 0;
  /** The number that is being read, and the bits of it that are known. */
  let [value, shift] = [0, 0];
  let field = 0;
  /** Bytes left of the value that is passed over or kept. */
  let left = 0;
  /** Within the message; -1: not in a resource that is looked into. */
  let [position, messageEnd, resourceEnd] = [0, 0, -1];
  let [name, version] = ['', ''];

  function prefixByte(byte: number): void {
    if (prefixRead === 0 && byte !== 0) throw new Error('a compressed message is not understood');
    value = value * 256 + byte;
    prefixRead += 1;
    if (prefixRead < 5) return;
    [messageEnd, position, prefixRead, value, phase] = [value, 0, 0, 0, inTag];
    [found.typeUrl, found.nonceLength, found.resources, found.removed] = ['', 0, 0, 0];
    if (noteVersions) found.named = [];
  }

  function numberByte(byte: number): void {
    value += (byte & 127) * 2 ** shift;
    shift += 7;
    if (byte > 127) return;
    if (phase === inLength) enter();
    else {
      if ((value & 7) !== 2) throw new Error(`not a discovery message: wire type ${value & 7}`);
      field = value >>> 3;
      phase = inLength;
    }
    [value, shift] = [0, 0];
  }

  /** A length has been read: what to do with the value. */
  function enter(): void {
    [left, keptLength, phase] = [value, 0, inSkipped];
    if (resourceEnd >= 0) {
      if (field === inResource.name || field === inResource.version) phase = inKept;
    } else if (field === fields.typeUrl || field === fields.nonce) phase = inKept;
    else if (field === fields.removed) found.removed += 1;
    else if (field === fields.resources) {
      found.resources += 1;
      if (noteVersions) [resourceEnd, name, version, phase] = [position + left, '', '', inTag];
    }
  }

  function valueEnded(): void {
    const wasKept = phase === inKept;
    phase = inTag;
    if (!wasKept) return;
    if (resourceEnd >= 0) {
      if (field === inResource.name) name = kept.toString('latin1', 0, keptLength);
      else version = kept.toString('latin1', 0, keptLength);
    } else if (field === fields.nonce) {
      kept.copy(found.nonce, 0, 0, keptLength);
      found.nonceLength = keptLength;
    } else {
      found.typeUrl = kept.toString('latin1', 0, keptLength);
      if (typeOnly && position < messageEnd) [left, phase] = [messageEnd - position, inSkipped];
    }
  }

  return (chunk, start, end) => {
    let at = start;
    while (at < end) {
      if (phase < inSkipped) {
        const byte = chunk[at] ?? 0;
        at += 1;
        position += 1;
        if (phase === inPrefix) prefixByte(byte);
        else numberByte(byte);
      } else {
        const taken = Math.min(left, end - at);
        if (phase === inKept) {
          kept.set(chunk.subarray(at, at + taken), keptLength);
          keptLength += taken;
        }
        at += taken;
        position += taken;
        left -= taken;
      }
      if (phase >= inSkipped && left === 0) valueEnded();
      if (phase !== inTag) continue;
      if (position === resourceEnd) {
        found.named.push(name, version);
        resourceEnd = -1;
      }
      if (position === messageEnd) {
        phase = inPrefix;
        whole(found);
      }
    }
  };
}
