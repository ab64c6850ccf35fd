import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { type JoinOptions, type Member, memberReport, refusedUpdates, startMember } from './member.ts';
import { createPolicyFolder, type PolicyFiles, type PolicyFolder } from './policy-folder.ts';
import { type ServerProcess, type ServerProcessOptions, startServerProcess } from './server-process.ts';

/** A mesh whose control plane is a process of its own, which can be killed. */
export interface ServerMesh {
  readonly folder: string;
  readonly policies: PolicyFolder;
  readonly server: ServerProcess;
  /** In the order in which they came. */
  readonly members: readonly Member[];
  join(joining: JoinOptions & { readonly address: string }): Promise<Member>;
  /** Closes it after the mesh. */
  closing<T extends { close(): unknown }>(application: T): T;
}

export interface ServerMeshOptions extends ServerProcessOptions {
  readonly policies: PolicyFiles;
  /** Each has a token from the start. */
  readonly services: readonly string[];
}

/**
 * Such a mesh for all tests of a file, stopped after them; after a failed test it prints what the members hold, counted and said.
 * `prepare` runs once the server is up. In the end no Envoy may have refused anything.
 */
export function useServerMesh(
  options: ServerMeshOptions,
  prepare: (mesh: ServerMesh) => Promise<void>,
): () => ServerMesh {
  let mesh: ServerMesh | undefined;
  const started = () => {
    if (mesh === undefined) throw new Error('the mesh is not started yet');
    return mesh;
  };
  const members: Member[] = [];
  const applications: { close(): unknown }[] = [];
  beforeAll(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'weft-e2e-'));
    const policies = await createPolicyFolder(folder, options.policies);
    const server = await startServerProcess(folder, options.services, options);
    mesh = {
      folder,
      policies,
      server,
      members,
      async join(joining) {
        const access = { folder, xdsPort: server.xdsPort, rootPem: server.rootPem };
        const member = await startMember(access, { ...joining, token: server.token(joining.service) });
        members.push(member);
        await member.sidecar.ready;
        return member;
      },
      closing(application) {
        applications.push(application);
        return application;
      },
    };
    await prepare(mesh);
  }, 120_000);
  afterEach(async ({ task }) => {
    if (task.result?.state !== 'fail') return;
    const reports = await Promise.all(members.map(memberReport));
    console.error([...reports, '===== control plane', ...started().server.log.slice(-80)].join('\n'));
  });
  afterAll(async () => {
    const refused = (await Promise.all(members.map(refusedUpdates))).flat();
    await Promise.all(members.map(({ sidecar }) => sidecar.kill()));
    await mesh?.server.kill();
    await Promise.all(applications.map((application) => application.close()));
    if (mesh) await rm(mesh.folder, { recursive: true, force: true });
    expect(refused).toEqual([]);
  });
  return started;
}
