import { X509Certificate } from 'node:crypto';
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseToken } from '../../src/ca/token.ts';
import { writeCsr } from '../../src/ca/write-csr.ts';
import { spiffeId } from '../../src/model/identity.ts';
import { Identity } from '../../src/proto/gen/weft/v1/identity_pb.ts';
import { serviceDefinition } from '../../src/proto/services.ts';
import { newKeys } from '../../src/sidecar/own-identity.ts';
import { altNames, csrOf, csrTricks, uri, wish } from '../support/csr-tricks.ts';
import { serviceYaml, startTestMesh, type TestMesh } from '../support/test-mesh.ts';

let mesh: TestMesh;
const clients: Client[] = [];
const methods = serviceDefinition(Identity);
const nodeId = 'reviews-1.shop';
const idOf = (serviceAccount: string) => spiffeId({ trustDomain: 'demo.mesh', namespace: 'shop', serviceAccount });
const claims = JSON.stringify({ service: 'reviews', namespace: 'shop', identityFolder: '/var/lib/weft' });

beforeAll(async () => {
  mesh = await startTestMesh({ policies: { 'shop.yaml': serviceYaml('reviews') } });
});
afterAll(async () => {
  for (const client of clients) client.close();
  await mesh?.close();
});

/** The xDS port, as a caller with this certificate, or with none. */
function connected(pair?: { readonly cert: string; readonly key: string }): Client {
  const { xdsPort, rootPem } = mesh.controlPlane();
  const parts = pair === undefined ? [] : [Buffer.from(pair.key), Buffer.from(pair.cert)];
  const client = new Client(`127.0.0.1:${xdsPort}`, credentials.createSsl(Buffer.from(rootPem), ...parts), {
    'grpc.use_local_subchannel_pool': 1,
  });
  clients.push(client);
  return client;
}

type Answer = { readonly chain: string } | Pick<ServiceError, 'code' | 'details'>;

function answered(call: (done: (error: ServiceError | null, answer?: { certificateChain: string }) => void) => void) {
  return new Promise<Answer>((resolve) =>
    call((error, answer) => resolve(error ?? { chain: answer?.certificateChain ?? '' })),
  );
}

function enrol(client: Client, bearer: string, csr: Uint8Array): Promise<Answer> {
  const { path, requestSerialize, responseDeserialize } = methods.enrol;
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${bearer}`);
  const request = { nodeId, csr, metadata: claims };
  return answered((done) =>
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, metadata, done),
  );
}

function renew(client: Client, csr: Uint8Array): Promise<Answer> {
  const { path, requestSerialize, responseDeserialize } = methods.renew;
  return answered((done) =>
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, { csr }, new Metadata(), done),
  );
}

// Twenty requests of one identity are looked at at once: each account plays some of the tricks, once as a token and once as a certificate.
const perAccount = 8;

test('T17 every trick is refused over the wire, costs no use, is written down, and renews nothing', async () => {
  const { values } = mesh.controlPlane();
  const nobody = connected();
  const wrong: string[] = [];
  const expectRefused = (name: string, words: string, answer: Answer) => {
    const isRight =
      'details' in answer && answer.code === status.INVALID_ARGUMENT && answer.details.startsWith('WEFT0305 ');
    if (!isRight || !answer.details.includes(words)) wrong.push(`${name}: ${JSON.stringify(answer)}`);
    const { at, ...line } = values.audit().at(-1) ?? { at: 0 };
    if (!('words' in line) || line.result !== 'refused' || !line.words?.includes(words))
      wrong.push(`${name} is written down as ${JSON.stringify(line)}`);
    expect(at).toBeGreaterThan(0);
  };
  const total = csrTricks(idOf('any')).length;
  expect(total).toBeGreaterThanOrEqual(46);
  let [tokens, played] = [0, 0];
  for (let first = 0; first < total; first += perAccount) {
    const serviceAccount = `account-${first}`;
    const id = idOf(serviceAccount);
    const another = csrOf({ attributes: [wish(altNames(uri(`${id}0`)))] });
    const tricks = [
      ...csrTricks(id).slice(first, first + perAccount),
      ['the name of another', another, 'its credential is for'] as const,
    ];
    const of = { services: ['reviews'] as const, namespace: 'shop', serviceAccount, uses: 1, cidrs: ['127.0.0.0/8'] };
    const { token, secret } = await values.tokens.create(of);
    tokens += 1;
    const bearer = parseToken(secret.expose()).bearer.expose();
    const left = () => values.tokens.list().find((each) => each.id === token.id)?.uses;
    for (const [name, der, words] of tricks) {
      expectRefused(name, words, await enrol(nobody, bearer, der));
      expect([name, left()]).toEqual([name, 1]);
      played += 1;
    }
    const keys = newKeys();
    const made = await enrol(nobody, bearer, writeCsr(keys));
    if (!('chain' in made)) throw new Error(made.details);
    expect([new X509Certificate(made.chain).subjectAltName, left()]).toEqual([`URI:${id}`, 0]);
    const key = keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const member = connected({ cert: made.chain, key });
    for (const [name, der, words] of tricks) expectRefused(name, words, await renew(member, der));
    expect(await renew(member, writeCsr(newKeys()))).toHaveProperty('chain');
  }
  expect(wrong).toEqual([]);
  console.log(
    `promise T17: ${played} tricks by Enrol with ${tokens} one-use tokens and by Renew with their certificates, over TLS: 0 signed, no use ` +
      `spent, ${2 * played} lines in the audit log; a right request of each passes`,
  );
}, 60_000);
