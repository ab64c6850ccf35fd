import type { DeltaStream } from '../support/raw-xds-client.ts';

export type DeltaResponse = Awaited<ReturnType<DeltaStream['next']>>;

export const namesIn = (response: DeltaResponse): string[] => response.resources.map(({ name }) => name).sort();

export const ack = (stream: DeltaStream, { typeUrl, nonce }: DeltaResponse): void =>
  stream.send({ typeUrl, responseNonce: nonce });

export const nack = (stream: DeltaStream, { typeUrl, nonce }: DeltaResponse, message: string): void =>
  stream.send({ typeUrl, responseNonce: nonce, errorDetail: { code: 13, message } });

/** The next response, acknowledged. */
export async function nextAcked(stream: DeltaStream): Promise<DeltaResponse> {
  const response = await stream.next();
  ack(stream, response);
  return response;
}
