// The messages of quotes.proto, for the service and for its client.
import { fileURLToPath } from 'node:url';
import { loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const file = fileURLToPath(new URL('quotes.proto', import.meta.url));

export const { Quotes } = loadPackageDefinition(loadSync(file)).quotes;
