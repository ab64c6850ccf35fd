// `node ask.mjs ADDRESS METHOD COUNT [HEADER=VALUE]`: calls a method of quotes.proto so often, four at a time over one connection, and
// counts status codes and who answered. Watch and Talk are streams: of these it says what came, and how long it took.
import { credentials, Metadata, status } from '@grpc/grpc-js';
import { Quotes } from './proto.mjs';

const [url, method, amount, ...headers] = process.argv.slice(2);
const client = new Quotes(new URL(url).host, credentials.createInsecure());
const metadata = new Metadata();
for (const header of headers) metadata.set(...header.split('='));
const symbol = { name: 'WEFT' };
const count = Number(amount);
const began = performance.now();
const since = (start) => Math.round(performance.now() - start);
const sorted = (counts) => [...counts].sort().map(([word, number]) => `${word} ${number}`);
const add = (counts, word) => counts.set(word, (counts.get(word) ?? 0) + 1);

async function ask() {
  const codes = new Map();
  const answerers = new Map();
  let left = count;
  const askSome = async () => {
    while (left > 0) {
      left -= 1;
      await new Promise((resolve) => {
        client[method](symbol, metadata, (error, quote) => {
          add(codes, status[error?.code ?? status.OK]);
          if (quote) add(answerers, quote.by);
          resolve();
        });
      });
    }
  };
  await Promise.all(Array.from({ length: 4 }, askSome));
  return [...sorted(codes), ...(answerers.size > 0 ? [`by ${sorted(answerers).join(' and ')}`] : [])].join(', ');
}

/** So many streams at once; how far the first and the last answer of a stream are apart tells whether somebody held them back. */
async function watch() {
  const spans = await Promise.all(
    Array.from({ length: count }, async () => {
      let first;
      let quotes = 0;
      for await (const _quote of client.Watch(symbol, metadata)) {
        first ??= performance.now();
        quotes += 1;
      }
      return { quotes, ms: since(first) };
    }),
  );
  const quotes = spans.reduce((sum, span) => sum + span.quotes, 0);
  return `${quotes} quotes, the last of each at least ${Math.min(...spans.map(({ ms }) => ms))} ms after its first`;
}

/** Each question waits for the answer to the one before. */
async function talk() {
  const call = client.Talk(metadata);
  let turns = 0;
  call.write(symbol);
  for await (const _quote of call) {
    turns += 1;
    if (turns < count) call.write(symbol);
    else call.end();
  }
  return `${turns} questions and answers in turn`;
}

const said = await (method === 'Watch' ? watch() : method === 'Talk' ? talk() : ask());
console.log(`${method} ${count}: ${said} (${since(began)} ms)`);
client.close();
