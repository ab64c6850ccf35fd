import { create } from '@bufbuild/protobuf';
import { status as grpcStatus } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { createHealthDesk } from '../../src/control-plane/health-desk.ts';
import type { PolicySet } from '../../src/model/policy.ts';
import type { Workload } from '../../src/model/workload.ts';
import { groupsOf } from '../../src/model/workload-groups.ts';
import { parsePolicies } from '../../src/policy/parse-policies.ts';
import { HealthRequestSchema } from '../../src/proto/gen/weft/v1/membership_pb.ts';
import { fakeClock } from '../support/fake-clock.ts';

describe('the desk of the control plane', () => {
  function policies(spec: object): PolicySet {
    const group = { apiVersion: 'networking.istio.io/v1', kind: 'WorkloadGroup', metadata: { name: 'web' }, spec };
    const files = [{ path: 'policies/shop/web.json', text: JSON.stringify(group) }];
    const read = parsePolicies(files, { commit: 'x', rootNamespace: 'istio-system', folders: 'namespace' });
    if (read.policies === undefined) throw new Error(JSON.stringify(read.diagnostics));
    return read.policies;
  }
  const workload: Workload = {
    id: 'web-1.shop',
    name: 'web-1',
    namespace: 'shop',
    labels: {},
    address: '10.0.0.1',
    ports: [],
    weight: 1,
    health: 'healthy',
    source: 'proxy',
    group: { name: 'web' },
  };
  function setUp(spec: object = { template: {}, probe: { tcpSocket: { port: 1 } } }) {
    const clock = fakeClock();
    const told: string[] = [];
    const groups = groupsOf(policies(spec));
    const desk = createHealthDesk({
      groups,
      health: { report: (id, healthy, reason) => told.push(`${id} ${healthy} ${reason}`) },
      workloadOf: () => workload,
      clock,
    });
    const ask = (more: object = {}, who: Workload | undefined = workload) =>
      desk.answer(create(HealthRequestSchema, { nodeId: 'web-1.shop', ...more }), who);
    return { clock, told, desk, ask };
  }

  test('says what is to be probed, and takes in only what that very probe found', () => {
    const { ask, told } = setUp();
    const first = ask();
    const version = 'ok' in first ? first.ok.version : undefined;
    expect(first).toMatchObject({ ok: { joined: true, group: 'web', probe: { check: { case: 'tcp' } } } });
    ask({ version: 'another', healthy: false, reason: 'old' });
    expect(told).toEqual([]);
    ask({ version, healthy: false, reason: 'broken' });
    expect(told).toEqual(['web-1.shop false broken']);
  });

  test('knows who has not joined, who has no group, and whose group has no probe', () => {
    const { ask } = setUp({ template: {} });
    expect(ask({}, { ...workload, group: { name: 'web' } })).toEqual({ ok: { joined: true, group: 'web' } });
    const { group: _group, ...alone } = workload;
    expect(ask({}, alone)).toEqual({ ok: { joined: true } });
  });

  test('turns away who asks too often, for the rest of the second', () => {
    const { ask, desk, clock } = setUp();
    const answers = Array.from({ length: 500 }, () => ask());
    expect(answers.filter((answer) => 'refused' in answer).length).toBe(490);
    expect(desk.refused()).toBe(490);
    expect(answers.at(-1)).toMatchObject({ refused: { code: grpcStatus.RESOURCE_EXHAUSTED } });
    clock.advance(1_000);
    expect(ask()).toMatchObject({ ok: { joined: true } });
  });

  test('hears of an Envoy alone by its statistics, and not of one that has weft run beside it', () => {
    const { desk, told } = setUp();
    const proxy = {
      id: 'web-1.shop',
      name: 'web-1',
      namespace: 'shop',
      service: 'web',
      labels: {},
      identity: 'spiffe://demo.mesh/ns/shop/sa/web',
      ports: [],
      inboundBind: '0.0.0.0',
      applicationAddress: '127.0.0.1',
      capture: { bind: '127.0.0.1', ports: false },
      envoyVersion: '',
    } as unknown as Parameters<typeof desk.probed>[0];
    desk.probed({ ...proxy, helped: true }, false);
    expect(told).toEqual([]);
    desk.probed(proxy, false);
    expect(told).toEqual(['web-1.shop false TCP 127.0.0.1:1: its Envoy finds it failing']);
  });
});
