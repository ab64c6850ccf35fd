// What every service of the shop shares: listen on the port given, say so on standard output, and end with the parent
// (standard input closes when whoever started the service is gone, however it went).
import { createServer } from 'node:http';

/** Starts an HTTP service on 127.0.0.1:`process.argv[2]` (0: a free port) and prints `listening PORT`. */
export function serve(handler) {
  const server = createServer((request, response) => {
    Promise.resolve(handler(request, response)).catch((error) => {
      if (!response.headersSent) response.writeHead(500, { 'content-type': 'text/plain' });
      response.end(`${error.message}\n`);
    });
  });
  server.listen(Number(process.argv[2] ?? 9080), '127.0.0.1', () => {
    console.log(`listening ${server.address().port}`);
  });
  if (process.env.SHOP_ENDS_WITH_PARENT === '1') process.stdin.resume().on('end', () => process.exit(0));
}

/** Answers with JSON. */
export function json(response, status, value) {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(value)}\n`);
}
