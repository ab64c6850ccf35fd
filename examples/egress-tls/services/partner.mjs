// The partner: an HTTPS server that tells what it saw of its client. `HOST=127.0.0.9 node partner.mjs PORT NAME.crt NAME.key [CLIENTS.crt]`;
// with the certificate of an authority it demands that clients have one from there.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';

const [port, certificate, key, clients] = process.argv.slice(2);
const demands = clients && { ca: readFileSync(clients), requestCert: true, rejectUnauthorized: true };

createServer({ cert: readFileSync(certificate), key: readFileSync(key), ...demands }, ({ socket }, response) => {
  const client = clients ? socket.getPeerCertificate().subject.CN : 'nobody in particular';
  response.end(`${JSON.stringify({ asked: socket.servername, tls: socket.getProtocol(), client })}\n`);
}).listen(Number(port), process.env.HOST, () => console.log('listening'));
