/**
 * A failure of an operation (not of a policy: that is a Diagnostic): a code, what happened, where, and the fix.
 * Codes map once to an exit code in the CLI, once to HTTP in admin, once to gRPC in the control plane.
 */
export class Failure extends Error {
  readonly code: string;
  readonly hint: string;
  readonly where: string | undefined;

  /** `code` as `WEFT0901`; `message` says what happened; `hint` is the command or edit that mends it. */
  constructor(code: string, message: string, hint: string, where?: string) {
    super(message);
    this.name = 'Failure';
    this.code = code;
    this.hint = hint;
    this.where = where;
  }
}
