// Reviews of a book. Version v2 adds stars.
import { json, serve } from './serve.mjs';

const version = process.env.VERSION ?? 'v1';

serve((request, response) => {
  const review = { book: request.url, text: 'A gripping yarn', version };
  json(response, 200, version === 'v1' ? review : { ...review, stars: 5 });
});
