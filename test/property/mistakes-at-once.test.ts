import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parsePolicies } from '../../src/policy/parse-policies.ts';

/**
 * Section 8: all findings come at once. In these texts `<<right|wrong>>` stands for a place where something can be wrong; each place can
 * be without any other. A text with several mistakes has the findings of each, in one pass.
 */
const texts: Readonly<Record<string, string>> = {
  VirtualService: `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews, <<labels: { app: a }|labels: { app: 7 }>> }
spec:
  hosts: [reviews, <<pay|"*">>, <<cart|"http://cart">>]
  <<exportTo|exprotTo>>: ["."]
  http:
    - name: one
      match:
        - uri: { <<exact: /a|regex: "(">> }
        - headers: { x-a: { <<exact: b|exakt: b>> } }
      <<timeout: 3s|timeout: 3 s>>
      retries: { attempts: <<2|many>>, perTryTimeout: 1s }
      fault: { delay: { <<percentage: { value: 5 }|percentage: { value: 500 }>>, fixedDelay: 1s } }
      route:
        - destination: { host: reviews, <<subset: v1|subst: v1>> }
          <<weight: 90|wieght: 90>>
        - destination: { host: <<reviews|"*">> }
          weight: 10
          headers: { request: { set: { <<x-b|"x b">>: c } } }
    - match: [{ uri: { prefix: /old } }]
      redirect: { <<uri: /new|uri: /new, redirectCode: 200>> }
    - name: last
      rewrite: { <<uri: /z|uriRegexRewrite: { match: "(", rewrite: x }>> }
      corsPolicy: { <<maxAge: 1s|maxAge: soon>>, allowOrigins: [{ <<exact: "https://a.example"|regex: "[">> }] }
      route: [{ destination: { host: reviews, port: { <<number: 80|number: 70000>> } } }]
`,
  DestinationRule: `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: reviews, <<annotations: { a: b }|annotations: { a: [b] }>> }
spec:
  host: <<reviews|reviews:80>>
  <<exportTo: ["."]|exportTo: [a/b]>>
  trafficPolicy:
    connectionPool: { http: { <<http2MaxRequests: 9|http2MaxRequest: 9>>, <<maxRetries: 3|maxRetries: -3>> } }
    outlierDetection: { <<interval: 5s|interval: 5>>, <<maxEjectionPercent: 50|maxEjectionPercent: 101>> }
    loadBalancer: { consistentHash: { <<httpHeaderName: x-user|useSourceIp: true, httpHeaderName: x-user>> } }
    portLevelSettings:
      - port: { number: 80 }
        <<loadBalancer: { simple: RANDOM }|loadBalancer: { simple: RANDM }>>
  subsets:
    - { name: v1, <<labels: { version: v1 }|labels: { version: "a b" }>> }
    - { name: <<v2|v1>>, labels: { version: v2 } }
`,
  AuthorizationPolicy: `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: reviews }
spec:
  <<action: ALLOW|action: PERMIT>>
  selector: { <<matchLabels|matchLabel>>: { app: reviews } }
  rules:
    - from: [{ source: { principals: [<<cluster.local/ns/shop/sa/web|spiffe:web/x>>] } }]
      to: [{ operation: { ports: ["<<80|eighty>>"], <<paths: [/a]|path: [/a]>>, methods: [GET] } }]
    - from: [{ source: { ipBlocks: [<<10.0.0.0/8|10.0.0.0/80>>] } }]
    - when: [{ key: "<<request.headers[x-a]|request.header[x-a]>>", values: [b] }]
    - to: [{ operation: { hosts: [<<a.example|7>>] } }]
`,
  ServiceEntry: `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: api }
spec:
  hosts: [<<api.example|"https://api.example">>]
  <<location: MESH_EXTERNAL|location: OUTSIDE>>
  resolution: STATIC
  addresses: [<<10.0.0.1|10.0.0>>]
  ports:
    - { number: <<443|0>>, name: tls, protocol: TLS }
    - { number: 80, name: <<http|"h p">>, protocol: HTTP }
    - { number: 90, name: other, protocol: <<TCP|UDP>> }
  endpoints:
    - { address: <<10.0.0.2|nowhere.example>>, <<labels: { a: b }|lables: { a: b }>> }
    - { address: 10.0.0.3, <<weight: 3|weight: heavy>> }
`,
  Sidecar: `apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: web }
spec:
  workloadSelector: { <<labels|label>>: { app: web } }
  outboundTrafficPolicy: { <<mode: REGISTRY_ONLY|mode: CLOSED>> }
  ingress:
    - port: { number: <<8080|80800>>, protocol: HTTP, name: http }
      defaultEndpoint: <<127.0.0.1:8080|10.1.1.1:8080>>
    - port: { number: 8081, protocol: <<HTTP|UDP>>, name: b }
      defaultEndpoint: 127.0.0.1:8081
  egress:
    - port: { number: 9000, protocol: HTTP, name: c }
      <<bind: 127.0.0.1|bind: localhost>>
      hosts: [<<./reviews.shop.svc.cluster.local|reviews>>]
    - hosts: ["./*", <<istio-system/*|istio-system>>]
`,
};

const places = (text: string) => [...text.matchAll(/<<(.*?)\|(.*?)>>/g)].map(([whole]) => whole);

/** The text with these places wrong. */
function written(text: string, wrong: readonly number[]): string {
  let index = -1;
  return text.replace(/<<(.*?)\|(.*?)>>/g, (_, right: string, mistake: string) => {
    index += 1;
    return wrong.includes(index) ? mistake : right;
  });
}

function findings(text: string): readonly string[] {
  const { diagnostics } = parsePolicies([{ path: 'policies/shop/a.yaml', text }], {
    commit: 'c',
    rootNamespace: 'istio-system',
    folders: 'namespace',
  });
  return diagnostics.map(({ code, severity, field, message }) => `${severity} ${code} ${field}: ${message}`).sort();
}

describe.each(Object.entries(texts))('%s', (_, text) => {
  const all = places(text).map((_place, index) => index);
  const clean = findings(written(text, []));
  const single = all.map((index) => findings(written(text, [index])).filter((finding) => !clean.includes(finding)));

  test('is right without mistakes, and each of them is found', () => {
    expect(clean.filter((finding) => finding.startsWith('error'))).toEqual([]);
    for (const [index, found] of single.entries())
      expect([places(text)[index], found]).not.toEqual([places(text)[index], []]);
  });

  test('all mistakes at once have the findings of each, and no more', () => {
    const found = findings(written(text, all));
    expect(found.filter((finding) => !clean.includes(finding))).toEqual(single.flat().sort());
  });

  test('so have any some of them', () => {
    fc.assert(
      fc.property(fc.subarray(all, { minLength: 2 }), (wrong) => {
        const found = findings(written(text, wrong)).filter((finding) => !clean.includes(finding));
        expect(found).toEqual(wrong.flatMap((index) => single[index] ?? []).sort());
      }),
      { numRuns: 100 },
    );
  });
});
