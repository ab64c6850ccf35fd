// Quotes by gRPC (port 9090), and WebSockets that send back what they get (port 9080). It knows of no mesh.
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import { Quotes } from './proto.mjs';
import { accept } from './websocket-server.mjs';

const { NAME = 'quotes-1', HOST = '127.0.0.1' } = process.env;
const quote = ({ name }) => ({ name, price: name.length, by: NAME });

const grpc = new Server();
grpc.addService(Quotes.service, {
  Get: (call, answer) => answer(null, quote(call.request)),
  Watch: async (call) => {
    for (let count = 0; count < 5; count += 1) {
      if (count > 0) await sleep(200);
      call.write(quote(call.request));
    }
    call.end();
  },
  Talk: (call) => {
    call.on('data', (symbol) => call.write(quote(symbol)));
    call.on('end', () => call.end());
  },
  Busy: (call, answer) => {
    if (NAME === 'quotes-2') answer({ code: status.RESOURCE_EXHAUSTED, details: 'too much to do' });
    else answer(null, quote(call.request));
  },
  Slow: async (call, answer) => {
    await sleep(10_000);
    answer(null, quote(call.request));
  },
});
grpc.bindAsync(`${HOST}:9090`, ServerCredentials.createInsecure(), (error) => {
  if (error) throw error;
  console.log(`listening ${HOST}:9090`);
});

const http = createServer((_request, response) => response.end(`${NAME}\n`));
http.on('upgrade', (request, socket) => accept(request, socket, NAME));
http.listen(9080, HOST, () => console.log(`listening ${HOST}:9080`));
