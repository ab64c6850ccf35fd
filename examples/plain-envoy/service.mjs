// The service of this example: it knows nothing of the mesh. Listens on HOST:PORT (127.0.0.1:9080) and says so.
import { createServer } from 'node:http';

const server = createServer((request, response) => {
  request.resume();
  response.end(`hello, you asked for ${request.url}\n`);
});
server.listen(Number(process.env.PORT ?? 9080), process.env.HOST ?? '127.0.0.1', () => {
  const { address, port } = server.address();
  console.log(`listening ${address}:${port}`);
});
