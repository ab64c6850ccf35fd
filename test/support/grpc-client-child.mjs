// A gRPC client without a proxy, in a process of its own since it keeps what it knows of xDS for the whole process. Its parent sends
// `{ id, call: target, path, deadline, wait }`, which calls the greeter once, and `{ id, close: target }`; it answers `{ id, answer }` or `{ id, error }`.
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { register } from '@grpc/grpc-js-xds';

register();
const clients = new Map();
const metadata = new Metadata({ waitForReady: true });

function call({ id, call: target, path, deadline, wait }) {
  const client = clients.get(target) ?? new Client(target, credentials.createInsecure());
  clients.set(target, client);
  const options = { deadline: Date.now() + deadline };
  const about = wait ? metadata : new Metadata();
  client.makeUnaryRequest(path, Buffer.from, String, 'hello', about, options, (error, answer) => {
    process.send(error === null ? { id, answer } : { id, error: error.message });
  });
}

process.on('message', (message) => {
  if ('call' in message) call(message);
  else {
    clients.get(message.close)?.close();
    clients.delete(message.close);
    process.send({ id: message.id, answer: '' });
  }
});
process.on('disconnect', () => process.exit());
