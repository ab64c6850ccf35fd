import { afterAll, expect } from 'vitest';
import { type Answer as Answering, type Application, startApplication } from './application.ts';
import { eventually } from './eventually.ts';
import { type Answer, fetchOnce, type LoadTarget } from './load.ts';
import type { Member } from './member.ts';
import type { PolicyFiles } from './policy-folder.ts';
import { mutualTlsYaml, serviceYaml, type TestMesh, useTestMesh } from './test-mesh.ts';

export interface RuleMeshOptions {
  readonly policies: PolicyFiles;
  /** Services with the versions that run of each, one instance each. */
  readonly services: Readonly<Record<string, readonly string[]>>;
  /** What an instance answers, by `service-version`; else its version. */
  readonly answers?: Readonly<Record<string, Answering>>;
  /** Further members, before the caller joins. */
  readonly prepare?: (mesh: TestMesh) => Promise<void>;
}

/** A VirtualService that shares the calls of a service of namespace shop among subsets, one a version, and these; `further` have none. */
export function sharesYaml(
  host: string,
  weights: Readonly<Record<string, number>>,
  further: readonly string[] = [],
): string {
  const shares = Object.entries(weights).map(
    ([subset, weight]) => `{ destination: { host: ${host}, subset: ${subset} }, weight: ${weight} }`,
  );
  const subsets = [...Object.keys(weights), ...further].map(
    (version) => `{ name: ${version}, labels: { version: ${version} } }`,
  );
  return `---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${host}, namespace: shop }
spec: { hosts: [${host}], http: [{ route: [${shares.join(', ')}] }] }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ${host}, namespace: shop }
spec: { host: ${host}, subsets: [${subsets.join(', ')}] }
`;
}

/** A mesh for tests of HTTP rules: one caller, and applications that count what reaches them. */
export interface RuleMesh {
  readonly mesh: () => TestMesh;
  readonly client: () => Member;
  readonly application: (name: string) => Application;
  /** A service at the caller's local port for it. */
  at(service: string, path: string, headers?: Record<string, string>): LoadTarget;
  requestsOf(name: string): number;
  /** What an action returned, and how many requests reached an application meanwhile. */
  counting<T>(name: string, action: () => Promise<T>): Promise<{ readonly result: T; readonly reached: number }>;
  /** One request to the service echo, and how many came of it. */
  asked(
    path: string,
    headers?: Record<string, string>,
    method?: string,
  ): Promise<{ readonly result: Answer; readonly reached: number }>;
}

export function useRuleMesh({ policies, services, answers = {}, prepare }: RuleMeshOptions): RuleMesh {
  const applications: Record<string, Application> = {};
  let client: Member | undefined;
  const mesh = useTestMesh(
    () => {
      const declared = Object.keys(services).map((name) => serviceYaml(name));
      return { policies: { 'mesh.yaml': mutualTlsYaml('STRICT'), 'services.yaml': declared.join(''), ...policies } };
    },
    async (started) => {
      const start = async (service: string, version: string) => {
        const name = `${service}-${version}`;
        const address = started.nextAddress();
        applications[name] = await startApplication({ address, port: 9080 }, version, answers[name]);
        await started.join({ service, name, version, address, ports: [{ port: 9080 }] });
      };
      await Promise.all(
        Object.entries(services).flatMap(([name, versions]) => versions.map((one) => start(name, one))),
      );
      await prepare?.(started);
      const caller = await started.join({ service: 'frontend' });
      client = caller;
      await started.synced();
      for (const [name, { length }] of Object.entries(services)) {
        const known = () => caller.stat(`cluster.out_shop_${name}_80.membership_total`);
        await eventually(`the caller has the endpoints of ${name}`, async () => (await known()) >= length);
      }
    },
  );
  afterAll(() => Promise.all(Object.values(applications).map((application) => application.close())));

  const started = () => {
    if (client === undefined) throw new Error('the caller has not joined yet');
    return client;
  };
  const application = (name: string) => {
    const found = applications[name];
    if (found === undefined) throw new Error(`no application ${name}`);
    return found;
  };
  const requestsOf = (name: string) => application(name).requests();
  const at: RuleMesh['at'] = (service, path, headers = {}) => ({
    host: started().address,
    port: mesh().localPort(service, 80),
    path,
    headers,
  });
  const counting: RuleMesh['counting'] = async (name, action) => {
    const before = requestsOf(name);
    const result = await action();
    return { result, reached: requestsOf(name) - before };
  };
  const asked: RuleMesh['asked'] = (path, headers = {}, method = 'GET') =>
    counting('echo-v1', () => fetchOnce({ ...at('echo', path, headers), method }));
  return { mesh, client: started, application, at, requestsOf, counting, asked };
}

/**
 * The count lies within so many standard deviations of a share of all: five, so that a thousand runs of all tests fail less than once
 * for nothing (decision 40).
 */
export function expectShare(count: number, all: number, share: number, deviations = 5): void {
  const sigma = Math.sqrt(all * share * (1 - share));
  expect(count).toBeGreaterThanOrEqual(all * share - deviations * sigma);
  expect(count).toBeLessThanOrEqual(all * share + deviations * sigma);
}
