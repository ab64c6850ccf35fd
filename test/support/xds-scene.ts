import { afterAll, expect } from 'vitest';
import { type Application, startApplication } from './application.ts';
import { expectAtRest } from './at-rest.ts';
import type { Member, Variant } from './member.ts';
import { mutualTlsYaml, type TestMesh, type TestMeshOptions, useTestMesh } from './test-mesh.ts';
import { joinCallers, troublesOf } from './xds-callers.ts';

/** An application on port 9080 behind a sidecar of its own. */
export interface Served {
  readonly service: string;
  /** What it answers; absent: the name of its service. */
  readonly says?: string;
  /** Of the workload; absent: the first of its service. */
  readonly name?: string;
  readonly version?: string;
  readonly variant?: Variant;
}

/** A mesh with a caller of each variant, everything acknowledged. */
export interface XdsScene {
  readonly mesh: () => TestMesh;
  readonly servers: () => readonly Member[];
  readonly callers: () => readonly Member[];
  readonly applications: () => readonly Application[];
  /** Milliseconds until the callers were members. */
  readonly joinedAfter: () => number;
}

/** A scene for all tests of a file, with mTLS everywhere; `envoyFlags` are the callers'. */
export function useXdsScene(
  options: TestMeshOptions & { readonly served: readonly Served[]; readonly envoyFlags?: readonly string[] },
): XdsScene {
  const { policies, settings = {}, served, envoyFlags = [] } = options;
  const applications: Application[] = [];
  const servers: Member[] = [];
  let callers: readonly Member[] = [];
  let joinedAfter = Number.NaN;
  const mesh = useTestMesh(
    // With the times of the product.
    () => ({ policies: { 'mesh.yaml': mutualTlsYaml('STRICT'), ...policies }, settings, timing: {} }),
    async (started) => {
      for (const { says, ...joining } of served) {
        const address = started.nextAddress();
        applications.push(await startApplication({ address, port: 9080 }, says ?? joining.service));
        servers.push(await started.join({ ...joining, address, ports: [{ port: 9080 }] }));
      }
      const began = performance.now();
      callers = await joinCallers(started, envoyFlags);
      joinedAfter = performance.now() - began;
      await started.synced();
    },
  );
  afterAll(() => Promise.all(applications.map((application) => application.close())));
  return {
    mesh,
    servers: () => servers,
    callers: () => callers,
    applications: () => applications,
    joinedAfter: () => joinedAfter,
  };
}

/** The mesh says nothing more, and nobody of these had trouble. */
export async function expectUntroubled(mesh: TestMesh, members: readonly Member[]): Promise<void> {
  await expectAtRest(mesh, members);
  expect((await Promise.all(members.map(troublesOf))).flat()).toEqual([]);
}
