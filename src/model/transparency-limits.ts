/** Something that passes a sidecar otherwise than it was sent, for which no setting is known (transparency.md). */
export interface TransparencyLimit {
  /** The fact, `R15`. */
  readonly id: string;
  readonly text: string;
}

/** What programs on an HTTP port should know; a port that is declared `tcp` has none of it (R1). */
export const httpLimits: readonly TransparencyLimit[] = [
  { id: 'R15', text: 'a request target with bytes above 127 or "#" is answered with 400' },
  { id: 'R15', text: '"OPTIONS *" is answered with 404' },
  { id: 'R15', text: 'a QUERY request without content-type is answered with 400' },
  { id: 'R15', text: 'an answer 204 with content-length becomes 502' },
  { id: 'R15', text: 'a body without a length that is ended by a reset looks whole to the caller' },
  { id: 'R15', text: 'half-close inside CONNECT ends the tunnel' },
];

/** The way out of all of them. */
export const httpLimitsRemedy = 'where one of these matters, declare the port as tcp: its bytes pass as they are (R1)';

/** Of a port whose rules look at requests, or at server names. */
export const tunnelLimit: TransparencyLimit = {
  id: 'R11',
  text: 'rules of the caller do not see inside a CONNECT tunnel through HTTP_PROXY, rules of the called side do',
};
