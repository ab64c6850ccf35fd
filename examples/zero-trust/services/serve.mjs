// What the programs share: listen at HOST:9080, answer a line, and call others through the sidecar (MESH, its address for HTTP_PROXY).
import { createServer, request } from 'node:http';
import { text } from 'node:stream/consumers';

/** Answers each request with the status and line that `handle` resolves to, given method, path, headers and body. */
export function serve(handle) {
  createServer(async (incoming, outgoing) => {
    const { method, url: path, headers } = incoming;
    const { status, line } = await handle({ method, path, headers, body: await text(incoming) });
    outgoing.writeHead(status, { 'content-type': 'text/plain' }).end(`${line}\n`);
  }).listen(9080, process.env.HOST ?? '127.0.0.1');
}

/** Calls a service of the mesh for a customer; resolves to the status and line of its answer. */
export function call(method, url, customer, body) {
  const { hostname: host, port } = new URL(process.env.MESH);
  const headers = { host: new URL(url).host, ...(customer === undefined ? {} : { 'x-customer': customer }) };
  return new Promise((resolve, reject) => {
    request({ host, port, path: url, method, headers }, async (answer) => {
      resolve({ status: answer.statusCode, line: (await text(answer)).trim() });
    })
      .on('error', reject)
      .end(body);
  });
}
