// The service that gets a new version. It says which one it is and knows of no mesh.
import { createServer } from 'node:http';

const { VERSION = 'v1', HOST = '127.0.0.1', PORT = '9080' } = process.env;

const server = createServer((_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify({ version: VERSION })}\n`);
});
server.listen(Number(PORT), HOST, () => console.log(`listening ${HOST}:${PORT}`));
