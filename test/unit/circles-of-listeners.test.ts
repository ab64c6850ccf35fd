import { expect, test } from 'vitest';
import { found, object, rule, sidecar } from '../support/sidecar-words.ts';

/* WEFT0172 (decision 60): a listener of a Sidecar that leads to itself, where that is certain. */

const entry = (endpoints: string, more = 'resolution: STATIC', port = 'protocol: HTTP, targetPort: 9082') =>
  object(
    'ServiceEntry',
    'shop/ledger',
    `{ hosts: [ledger.example], ports: [{ number: 80, name: http, ${port} }], ${more}, endpoints: ${endpoints} }`,
  );
const listening = (bind: string, hosts = '["./ledger.example"]', protocol = 'HTTP') =>
  sidecar(
    'shop/x',
    `{ egress: [{ port: { number: 9082, protocol: ${protocol} }, ${bind === '' ? '' : `bind: "${bind}", `}hosts: ${hosts} }, { hosts: ["./*"] }] }`,
  );
const here = '[{ address: 127.0.0.1 }]';
const circles = (...documents: readonly string[]) =>
  found(documents).flatMap(({ code, severity, field, message }) =>
    code === 'WEFT0172' ? [`${severity} ${field} ${message.replace(/ is a listener .*/, '')}`] : [],
  );

test.each<readonly [string, string, string, string]>([
  ['the address of the listener', entry(here), listening('127.0.0.1'), '0].address 127.0.0.1:9082'],
  ['any address', entry('[{ address: 127.9.0.4 }]'), listening('0.0.0.0'), '0].address 127.9.0.4:9082'],
  [
    'another address than loopback',
    entry('[{ address: 10.0.0.7 }]'),
    listening('10.0.0.7'),
    '0].address 10.0.0.7:9082',
  ],
  ['IPv6', entry('[{ address: "::1" }]'), listening('::1'), '0].address ::1:9082'],
  [
    'by its port’s name',
    entry('[{ address: 127.0.0.1, ports: { http: 9082 } }]', 'resolution: STATIC', 'protocol: HTTP'),
    listening('127.0.0.1'),
    '0].address 127.0.0.1:9082',
  ],
  [
    'one of several endpoints',
    entry('[{ address: 10.0.0.9 }, { address: 127.0.0.1 }]'),
    listening('127.0.0.1'),
    '1].address 127.0.0.1:9082',
  ],
  [
    'an address that DNS needs not be asked for',
    entry(here, 'resolution: DNS'),
    listening('127.0.0.1'),
    '0].address 127.0.0.1:9082',
  ],
  [
    'bytes',
    entry(here, 'resolution: STATIC', 'protocol: TCP, targetPort: 9082'),
    listening('127.0.0.1', '["./ledger.example"]', 'TCP'),
    '0].address 127.0.0.1:9082',
  ],
])('is told: %s', (_, one, other, expected) => {
  expect(circles(one, other)).toEqual([`error spec.endpoints[${expected}`]);
});

const ledgerRule = (spec: string) => object('DestinationRule', 'shop/ledger', `{ host: ledger.example, ${spec} }`);

test.each<readonly [string, readonly string[]]>([
  ['another port', [entry(here, 'resolution: STATIC', 'protocol: HTTP, targetPort: 9083'), listening('127.0.0.1')]],
  ['another address', [entry('[{ address: 127.0.0.2 }]'), listening('127.0.0.1')]],
  ['an address elsewhere, where all are listened at', [entry('[{ address: 10.0.0.7 }]'), listening('0.0.0.0')]],
  ['a listener where the proxy’s others are: which that is nobody wrote', [entry(here), listening('')]],
  ['another host behind the listener', [entry(here), listening('127.0.0.1', '["./other.example"]')]],
  [
    'a rule that may lead it elsewhere',
    [
      entry(here),
      listening('127.0.0.1'),
      rule('shop/r', '{ hosts: [ledger.example], http: [{ route: [{ destination: { host: ledger.example } }] }] }'),
    ],
  ],
  ['TLS that is begun', [entry(here), listening('127.0.0.1'), ledgerRule('trafficPolicy: { tls: { mode: SIMPLE } }')]],
  [
    'an endpoint that is called by its certificate',
    [entry('[{ address: 127.0.0.1, serviceAccount: ledger }]'), listening('127.0.0.1')],
  ],
])('is not told: %s', (_, documents) => {
  expect(circles(...documents)).toEqual([]);
});
