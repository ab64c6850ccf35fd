// A service that can fall ill. `?ms=100` makes an answer take that long. PUT /sick, DELETE /sick: from now on it answers 503, or no
// longer. GET /seen: how many requests it has had since this was asked last; those of this line are not counted.
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

const { NAME = 'orders', HOST = '127.0.0.1', PORT = '9080' } = process.env;
let isSick = false;
let seen = 0;

const server = createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://here');
  if (pathname === '/seen') {
    response.end(`${NAME} was asked ${seen} times\n`);
    seen = 0;
  } else if (pathname === '/sick') {
    isSick = request.method === 'PUT';
    response.end(`${NAME} is ${isSick ? 'sick' : 'well'}\n`);
  } else {
    seen += 1;
    await sleep(Number(searchParams.get('ms') ?? 0));
    response.writeHead(isSick ? 503 : 200, { 'content-type': 'text/plain' });
    response.end(`${NAME}\n`);
  }
});
server.listen(Number(PORT), HOST, () => console.log(`listening ${HOST}:${PORT}`));
