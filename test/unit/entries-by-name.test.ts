import { describe, expect, it } from 'vitest';
import { check, http, meta, reviews, service } from '../support/reference-check.ts';

describe('a WorkloadEntry whose address is a name', () => {
  const entry = (address: string) =>
    `apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\n${meta('far')}\nspec: { address: ${address}, labels: { app: reviews } }\n---\n`;
  const serviceEntry = `apiVersion: networking.istio.io/v1\nkind: ServiceEntry\n${meta('e')}\nspec: { hosts: [e.shop], location: MESH_INTERNAL, resolution: STATIC, workloadSelector: { labels: { app: reviews } }, ports: [{ number: 1, name: tcp }] }\n---\n`;
  const told = (yaml: string, known?: 'no registry') =>
    check(yaml, known).found.flatMap(({ code, field, message, hint }) =>
      field === 'spec.address' ? [[code, message, hint]] : [],
    );

  it.each([undefined, 'no registry' as const])('serves no Service that selects it, and it is said (%s)', (known) => {
    expect(told(reviews + entry('db.example'), known)).toEqual([
      [
        'WEFT0205',
        'service reviews cannot use this workload: its address "db.example" is a name',
        'write its IP address, or choose it in a ServiceEntry with resolution: DNS',
      ],
    ]);
    expect(told(reviews + entry('10.0.0.9'), known)).toEqual([]);
    expect(told(reviews + entry('"fd00::9"'), known)).toEqual([]);
    expect(told(service('ratings', http(9080)) + entry('db.example'), known)).toEqual([]);
  });

  it('nor a ServiceEntry with resolution STATIC', () => {
    expect(told(serviceEntry + entry('db.example')).map(([, message]) => message)).toEqual([
      'service e cannot use this workload: its address "db.example" is a name',
    ]);
  });

  it.each(['DNS', 'DNS_ROUND_ROBIN'])('one with resolution %s may use it, and no socket', (resolution) => {
    const resolves = serviceEntry.replace('STATIC', resolution);
    expect(told(resolves + entry('db.example'))).toEqual([]);
    expect(told(resolves + entry('10.0.0.9'))).toEqual([]);
    expect(told(resolves + entry('unix:///run/db.sock'))).toEqual([
      [
        'WEFT0205',
        'service e cannot use this workload: its address "unix:///run/db.sock" is a socket',
        'set resolution: STATIC in ServiceEntry e',
      ],
    ]);
    expect(told(serviceEntry + entry('unix:///run/db.sock'))).toEqual([]);
  });

  it('of several workloads DNS_ROUND_ROBIN calls one, and it is said', () => {
    const of = (resolution: string) =>
      check(serviceEntry.replace('STATIC', resolution).replace('{ app: reviews }', '{}')).found.flatMap(
        ({ code, field, message }) => (code === 'WEFT0132' ? [[field, message]] : []),
      );
    expect(of('DNS')).toEqual([]);
    expect(of('DNS_ROUND_ROBIN')).toEqual([
      [
        'spec.workloadSelector',
        'selects 2 workloads; resolution DNS_ROUND_ROBIN has one endpoint, frontend.shop: the others have no effect',
      ],
    ]);
  });
});
