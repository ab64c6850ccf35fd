// A service that runs in several zones. It says in which one, and knows of no mesh.
import { createServer } from 'node:http';

const { ZONE = 'nowhere', HOST = '127.0.0.1', PORT = '9080' } = process.env;

const server = createServer((_request, response) => {
  response.writeHead(200, { 'content-type': 'text/plain' });
  response.end(`${ZONE}\n`);
});
server.listen(Number(PORT), HOST, () => console.log(`listening ${HOST}:${PORT}`));
