import { describe, expect, test } from 'vitest';
import { createTreeCheck } from '../../src/control-plane/check-tree.ts';
import { joined, networking, service, told, workload } from '../support/found-between.ts';
import { settings } from '../support/registry-values.ts';

describe('localities in which nobody is (WEFT0101, an info)', () => {
  const placed = workload(', locality: eu/north/1');
  const listed = networking(
    'ServiceEntry',
    'out',
    '{ hosts: [out.example], resolution: STATIC, ports: [{ number: 80, name: http, protocol: HTTP }], endpoints: [{ address: 192.0.2.1, locality: us/west }] }',
  );
  const at = 'spec.trafficPolicy.loadBalancer.localityLbSetting';
  const rule = (setting: string) =>
    networking(
      'DestinationRule',
      'x',
      `{ host: reviews, trafficPolicy: { outlierDetection: {}, loadBalancer: { localityLbSetting: ${setting} } } }`,
    );
  const said = (setting: string, around = service(9080) + placed + listed) => told(around + rule(setting), 'WEFT0101');

  test.each([
    [
      'distribute.from and .to',
      '{ distribute: [{ from: ue/north/*, to: { "eu/*": 40, "us/west": 30, "mars/*": 30 } }] }',
      [
        `info ${at}.distribute[0].from: did you mean "eu/north/*"?`,
        `info ${at}.distribute[0].to["mars/*"]: localities: eu/north/1, us/west`,
      ],
    ],
    ['all that are there', '{ distribute: [{ from: "*", to: { "eu/north/*": 100 } }] }', []],
    [
      'failover',
      '{ failover: [{ from: eu, to: asia }, { from: mars, to: us }] }',
      [
        `info ${at}.failover[0].to: localities: eu/north/1, us/west`,
        `info ${at}.failover[1].from: localities: eu/north/1, us/west`,
      ],
    ],
  ])('%s', (_, setting, expected) => expect(said(setting)).toEqual(expected));

  test('of a subset and its ports', () => {
    const setting = '{ loadBalancer: { localityLbSetting: { distribute: [{ from: "mars/*", to: { eu: 100 } }] } } }';
    const text = networking(
      'DestinationRule',
      'x',
      `{ host: reviews, subsets: [{ name: v1, trafficPolicy: { portLevelSettings: [{ port: { number: 80 }, ${setting.slice(1, -1)} }] } }] }`,
    );
    expect(told(service(9080) + placed + text, 'WEFT0101')).toEqual([
      'info spec.subsets[0].trafficPolicy.portLevelSettings[0].loadBalancer.localityLbSetting.distribute[0].from: localities: eu/north/1',
    ]);
  });

  test('of MeshConfig', () => {
    const workloads = new Map([
      ['r1.shop', { ...joined('r1', [9080]), locality: { region: 'eu', zone: '', subzone: '' } }],
    ]);
    const check = createTreeCheck({ settings, folders: 'namespace', root: 'policies', joined: () => workloads });
    const text = 'localityLbSetting: { failover: [{ from: eu, to: us }] }\n';
    const files = [{ path: 'policies/meshconfig.yaml', text }];
    const { diagnostics } = check({ commit: 'x', files, diagnostics: [], author: '', subject: '', time: 0 });
    expect(diagnostics.map(({ code, field, hint }) => [code, field, hint])).toEqual([
      ['WEFT0101', 'localityLbSetting.failover[0].to', 'localities: eu'],
    ]);
  });

  test('nobody says where it is', () => {
    expect(said('{ distribute: [{ from: eu, to: { eu: 100 } }] }', service(9080) + workload())[0]).toBe(
      `info ${at}.distribute[0].from: nobody says where it is: weft run --locality, or locality of a WorkloadEntry`,
    );
  });
});
