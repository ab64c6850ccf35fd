// Orders. A new one is charged first; the body is the amount.
import { call, serve } from './serve.mjs';

serve(async ({ method, headers, body }) => {
  const customer = headers['x-customer'];
  if (method !== 'POST') return { status: 200, line: `the orders of ${customer ?? 'all'}` };
  const { status, line } = await call('POST', 'http://payments.shop/charges', customer, body);
  return { status, line: `payments says: ${line}` };
});
