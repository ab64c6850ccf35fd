// `node greet.mjs tcp://HOST:PORT COUNT`: opens so many connections, ten at a time, says hello and goodbye on each, and counts who answered.
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

const { hostname, port } = new URL(process.argv[2]);
const greeted = new Map();
let left = Number(process.argv[3] ?? 1);
let whole = 0;

async function greet() {
  const socket = connect(Number(port), hostname);
  const lines = createInterface(socket)[Symbol.asyncIterator]();
  const [, name] = (await lines.next()).value.split(' ');
  socket.write('HELO weft\r\n');
  const hello = (await lines.next()).value;
  socket.write('QUIT\r\n');
  const bye = (await lines.next()).value;
  await once(socket, 'close');
  greeted.set(name, (greeted.get(name) ?? 0) + 1);
  if (hello === '250 hello weft' && bye === '221 bye') whole += 1;
}

async function greetSome() {
  while (left > 0) {
    left -= 1;
    await greet();
  }
}

await Promise.all(Array.from({ length: 10 }, greetSome));
const counts = [...greeted].sort().map(([name, count]) => `${name} ${count}`);
console.log(`${whole} conversations to their end: ${counts.join(', ')}`);
