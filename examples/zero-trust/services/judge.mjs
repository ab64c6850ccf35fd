// The authorizer. It is sent the method, path, body and chosen headers of a request; 200 lets it pass, anything else is the answer.
import { serve } from './serve.mjs';

const limit = 1000;

serve(({ headers, body }) => {
  const customer = headers['x-customer'] ?? 'somebody';
  if (Number(body) <= limit) return { status: 200, line: 'go on' };
  return { status: 403, line: `${body} is more than ${customer} may spend` };
});
