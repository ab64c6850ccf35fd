import { createServer, type Server } from 'node:net';
import { Server as GrpcServer, ServerCredentials } from '@grpc/grpc-js';
import { afterAll } from 'vitest';
import { Health } from '../../src/proto/gen/grpc/health/v1/health_pb.ts';
import { serviceDefinition } from '../../src/proto/services.ts';
import { startApplication } from './application.ts';
import { type BareMember, startBareMember } from './bare-member.ts';
import { inboundPort, type JoinOptions, type Member } from './member.ts';
import type { TestMesh } from './test-mesh.ts';

/** Members of WorkloadGroups and what their probes ask, all stopped after the tests of a file. */
export interface ProbedMembers {
  /** An application at port 9080 that answers with its name, and `ready` says the status of /ready; returns its address. */
  application(mesh: TestMesh, name: string, ready?: () => number): Promise<string>;
  /** A sidecar before it. */
  join(mesh: TestMesh, name: string, service: string, address: string, more?: Partial<JoinOptions>): Promise<Member>;
  /** The first instance of a service, with an application that is well; returns its address. */
  start(mesh: TestMesh, service: string, more?: Partial<JoinOptions>): Promise<string>;
  /** The same behind an Envoy alone. */
  startAlone(mesh: TestMesh, service: string, ready?: () => number): Promise<string>;
  /** Takes connections at port 9081, and closes them. */
  listen(address: string): Promise<Server>;
  /** A gRPC health service at port 9081; `check` is asked with the name of the service that somebody asks for. */
  startHealth(address: string, check: (service: string) => number): Promise<void>;
}

export function useProbedMembers(): ProbedMembers {
  const closing: (() => unknown)[] = [];
  const alone: BareMember[] = [];
  afterAll(async () => {
    await Promise.all(alone.map((member) => member.kill()));
    await Promise.all(closing.map((close) => close()));
  });
  const members: ProbedMembers = {
    async application(mesh, name, ready = () => 200) {
      const address = mesh.nextAddress();
      const running = await startApplication({ address, port: 9080 }, name, (request, response) => {
        if (request.url === '/ready') response.statusCode = ready();
      });
      closing.push(running.close);
      return address;
    },
    async join(mesh, name, service, address, more = {}) {
      const token = await mesh.token(service, { group: service });
      return mesh.join({ service, name, address, token, ports: [{ port: 9080 }], ...more });
    },
    async start(mesh, service, more) {
      const address = await members.application(mesh, `${service}-1`);
      await members.join(mesh, `${service}-1`, service, address, more);
      return address;
    },
    async startAlone(mesh, service, ready) {
      const name = `${service}-1`;
      const address = await members.application(mesh, name, ready);
      const metadata = {
        service,
        namespace: 'shop',
        group: service,
        ports: [{ port: 9080, inbound: inboundPort(9080) }],
        address,
        inboundBind: address,
        applicationAddress: address,
      };
      const { rootPem, xdsPort } = mesh.controlPlane();
      const token = await mesh.token(service);
      alone.push(await startBareMember({ folder: mesh.folder, xdsPort, rootPem }, name, metadata, token));
      return address;
    },
    async listen(address) {
      const server = createServer((socket) => socket.destroy());
      await new Promise<void>((resolve) => server.listen(9081, address, resolve));
      closing.push(() => server.close());
      return server;
    },
    async startHealth(address, check) {
      const server = new GrpcServer();
      server.addService(serviceDefinition(Health), {
        check(call: { request: { service: string } }, answer: (error: null, value: { status: number }) => void) {
          answer(null, { status: check(call.request.service) });
        },
      });
      await new Promise<void>((resolve, reject) => {
        server.bindAsync(`${address}:9081`, ServerCredentials.createInsecure(), (error) =>
          error === null ? resolve() : reject(error),
        );
      });
      closing.push(() => server.forceShutdown());
    },
  };
  return members;
}
