// The shop's page: it asks the other services through its sidecar, in both ways that need no library and no change of code:
// catalog and reviews at a local port each (CATALOG_URL, REVIEWS_URL), payments by name through HTTP_PROXY.
import { Agent, request as httpRequest } from 'node:http';
import { json, serve } from './serve.mjs';

const agent = new Agent({ keepAlive: true });
const proxy = process.env.HTTP_PROXY;

/** GET; resolves with { status, body, ms } and never rejects: a failing part must not take the page along. */
function get(url, viaProxy) {
  const started = performance.now();
  const target = new URL(viaProxy ? proxy : url);
  const options = { agent, host: target.hostname, port: target.port, path: viaProxy ? url : target.pathname };
  if (viaProxy) options.headers = { host: new URL(url).host };
  return new Promise((resolve) => {
    const done = (status, body) => resolve({ status, body, ms: Math.round(performance.now() - started) });
    httpRequest(options, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => done(response.statusCode, Buffer.concat(chunks).toString()));
      response.on('error', (error) => done(0, error.message));
    })
      .on('error', (error) => done(0, error.message))
      .end();
  });
}

const parse = ({ status, body, ms }) => ({ status, ms, value: status === 200 ? JSON.parse(body) : body.trim() });

serve(async (request, response) => {
  const pay = request.url.startsWith('/checkout');
  const [catalog, reviews, payment] = await Promise.all([
    get(`${process.env.CATALOG_URL}/books`).then(parse),
    get(`${process.env.REVIEWS_URL}/reviews/7`).then(parse),
    pay ? get('http://payments.shop/pay', true).then(parse) : undefined,
  ]);
  json(response, 200, { catalog, reviews, payment });
});
