/** What was being read or written could not be represented without loss. `path` is empty where bytes were at fault. */
export class CodecError extends Error {
  override readonly name = 'CodecError';
  readonly typeName: string;
  /** Where in the input, e.g. `filterChains[0].filters[1].typedConfig.statPrefx`. */
  readonly path: string;

  constructor(typeName: string, path: string, reason: string, options?: ErrorOptions) {
    super(`${typeName}${path === '' ? '' : ` at ${path}`}: ${reason}`, options);
    this.typeName = typeName;
    this.path = path;
  }
}

/** The words of whatever was thrown, without the prefix of this class. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
