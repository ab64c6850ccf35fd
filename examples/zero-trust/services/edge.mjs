// The front of the shop: it passes on to orders what customers want, and says whose answer it is.
import { call, serve } from './serve.mjs';

serve(async ({ method, path, headers, body }) => {
  const { status, line } = await call(method, `http://orders.shop${path}`, headers['x-customer'], body);
  return { status, line: `orders says: ${line}` };
});
