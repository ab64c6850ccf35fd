// Takes payments. One in fifty takes 250 ms, on purpose: the mesh gives it 50 (policies/payments.yaml).
import { json, serve } from './serve.mjs';

let count = 0;

serve(async (_request, response) => {
  count += 1;
  if (count % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 250));
  json(response, 200, { paid: true, payment: count });
});
