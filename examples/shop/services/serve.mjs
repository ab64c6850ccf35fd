// What every service of the shop shares: listen where it is told (HOST, PORT), say so on standard output, and end with the parent
// where that is asked for (standard input closes when whoever started the service is gone, however it went).
import { createServer } from 'node:http';

/** Starts an HTTP service on HOST:PORT (127.0.0.1:9080) and prints `listening HOST:PORT`. */
export function serve(handler) {
  const server = createServer((request, response) => {
    Promise.resolve(handler(request, response)).catch((error) => {
      if (!response.headersSent) response.writeHead(500, { 'content-type': 'text/plain' });
      response.end(`${error.message}\n`);
    });
  });
  server.listen(Number(process.env.PORT ?? 9080), process.env.HOST ?? '127.0.0.1', () => {
    const { address, port } = server.address();
    console.log(`listening ${address}:${port}`);
  });
  if (process.env.SHOP_ENDS_WITH_PARENT === '1') process.stdin.resume().on('end', () => process.exit(0));
}

/** Answers with JSON. */
export function json(response, status, value) {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(value)}\n`);
}
