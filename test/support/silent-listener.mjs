// A socket that listens and accepts nobody: its queue is as short as can be, and this process sleeps for good. Once the queue is full
// the kernel lets further connections wait.
import { createServer } from 'node:net';

const [, , address] = process.argv;
const server = createServer();
server.listen({ host: address, port: 0, backlog: 1 }, () => {
  process.stdout.write(`${server.address().port}\n`, () =>
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0),
  );
});
