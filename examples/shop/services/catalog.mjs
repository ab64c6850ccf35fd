// The shop's books.
import { json, serve } from './serve.mjs';

const books = [
  { id: 1, title: 'A Loom of One’s Own', price: 12 },
  { id: 2, title: 'Warp and Weft', price: 18 },
  { id: 3, title: 'Threads That Bind', price: 9 },
];

serve((_request, response) => json(response, 200, books));
