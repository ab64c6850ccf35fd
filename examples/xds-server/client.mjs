// Calls the greeter once. usage: node client.mjs <target> <who>; with an xds: target gRPC asks the xDS server that
// GRPC_XDS_BOOTSTRAP names, and calls the endpoint itself.
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { register } from '@grpc/grpc-js-xds';

const [target, who] = process.argv.slice(2);
register();
const client = new Client(target, credentials.createInsecure());
const options = { deadline: Date.now() + 20_000 };
const metadata = new Metadata({ waitForReady: true });
client.makeUnaryRequest('/Greeter/Hello', Buffer.from, String, who, metadata, options, (error, answer) => {
  if (error) console.error(error.message);
  else console.log(answer);
  process.exit(error ? 1 : 0);
});
