// A gRPC service that says which one it is. usage: node greeter.mjs <address:port> <name>
import { Server, ServerCredentials } from '@grpc/grpc-js';

const [address, name] = process.argv.slice(2);
const hello = {
  path: '/Greeter/Hello',
  requestStream: false,
  responseStream: false,
  requestDeserialize: String,
  responseSerialize: Buffer.from,
};
const server = new Server();
server.addService({ hello }, { hello: (call, answer) => answer(null, `${name} greets ${call.request}`) });
server.bindAsync(address, ServerCredentials.createInsecure(), (error) => {
  if (error) throw error;
});
