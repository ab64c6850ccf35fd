// An issuer of tokens. `accounts.mjs keys FILE` makes a key in FILE and prints its public half as a JSON Web Key Set;
// `accounts.mjs token FILE SECONDS CLAIMS` prints a token under it that ends in so many seconds.
import { createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';

const [verb, file, seconds, claims] = process.argv.slice(2);
const encoded = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

if (verb === 'keys') {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  const key = createPublicKey(privateKey).export({ format: 'jwk' });
  console.log(JSON.stringify({ keys: [{ ...key, kid: 'one', alg: 'ES256' }] }));
} else {
  const exp = Math.floor(Date.now() / 1000) + Number(seconds);
  const said = { iss: 'https://accounts.example', aud: 'shop', exp, ...JSON.parse(claims) };
  const content = `${encoded({ alg: 'ES256', kid: 'one', typ: 'JWT' })}.${encoded(said)}`;
  const key = { key: createPrivateKey(readFileSync(file)), dsaEncoding: 'ieee-p1363' };
  console.log(`${content}.${sign('sha256', Buffer.from(content), key).toString('base64url')}`);
}
