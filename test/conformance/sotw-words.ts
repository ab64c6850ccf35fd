import { type SotwStream, sotwName } from '../support/raw-xds-client.ts';

export type SotwResponse = Awaited<ReturnType<SotwStream['next']>>;

export const namesIn = (response: SotwResponse): string[] => response.resources.map(sotwName).sort();

export const ack = (
  stream: SotwStream,
  { typeUrl, nonce, versionInfo }: SotwResponse,
  resourceNames: string[] = [],
): void => stream.send({ typeUrl, responseNonce: nonce, versionInfo, resourceNames });

export const nack = (
  stream: SotwStream,
  { typeUrl, nonce }: SotwResponse,
  message: string,
  resourceNames: string[] = [],
): void => stream.send({ typeUrl, responseNonce: nonce, resourceNames, errorDetail: { code: 13, message } });

/** The next response, acknowledged. */
export async function nextAcked(stream: SotwStream, resourceNames: string[] = []): Promise<SotwResponse> {
  const response = await stream.next();
  ack(stream, response, resourceNames);
  return response;
}
