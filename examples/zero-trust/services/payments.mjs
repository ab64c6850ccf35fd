// Charges, and takes charges back.
import { serve } from './serve.mjs';

serve(({ method, path, headers, body }) => {
  if (method === 'DELETE') return { status: 200, line: `took back ${path}` };
  return { status: 200, line: `charged ${body} to ${headers['x-customer'] ?? 'somebody'}` };
});
