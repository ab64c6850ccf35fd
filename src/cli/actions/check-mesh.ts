import { Failure } from '../../model/failure.ts';
import type { MeshCheck, MeshCheckResult } from '../../model/mesh-check.ts';
import { locateAdminApi } from '../locate-control-plane.ts';
import { marks } from '../marks.ts';
import { type MeshFacts, meshChecks } from '../mesh-checks.ts';
import { readApi, readValue } from '../read-api.ts';
import type { ExitCode } from '../verb.ts';
import type { CheckContext } from './check.ts';
import { findEnvoyOrFail, pinnedEnvoy } from './find-envoy.ts';

/** The least Node that package.json asks for. */
const leastNode = '20.19';

/** `weft check` without a pair: this machine, and what the control plane says of the mesh. Exit 1 when something is bad. */
export async function checkMesh(context: CheckContext): Promise<ExitCode> {
  const result = meshChecks({
    node: { version: process.versions.node, least: leastNode },
    platform: { os: process.platform, architecture: process.arch },
    envoy: await orFailure(() => findEnvoyOrFail(undefined, context)),
    pinnedEnvoy: pinnedEnvoy(),
    controlPlane: await orFailure(() => askControlPlane(context)),
    now: Date.now(),
  });
  context.output.object('CheckResult', result, meshCheckLines(result, context.env));
  return result.success ? 0 : 1;
}

async function askControlPlane(context: CheckContext): Promise<Exclude<MeshFacts['controlPlane'], Failure>> {
  const api = await readApi(context);
  const status = await readValue<Exclude<MeshFacts['controlPlane'], Failure>['status']>(api, '/api/v1/status');
  const { env, cwd, globals } = context;
  const url = locateAdminApi({ flag: globals.cp, env, cwd });
  const clock = await clockOf(url, globals.timeout);
  return { url: url.origin, status, ...(clock !== undefined && { clock }) };
}

/** The time that the control plane writes over each answer, in whole seconds; no credential is shown for it. */
async function clockOf(url: URL, timeout: number): Promise<number | undefined> {
  try {
    const { headers } = await fetch(new URL('/healthz', url), {
      redirect: 'error',
      signal: AbortSignal.timeout(timeout),
    });
    const time = Date.parse(headers.get('date') ?? '');
    return Number.isNaN(time) ? undefined : time;
  } catch {
    return undefined;
  }
}

async function orFailure<T>(look: () => Promise<T>): Promise<T | Failure> {
  try {
    return await look();
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
}

/** One line for each check, under the category that it begins. */
export function meshCheckLines({ categories }: MeshCheckResult, env: NodeJS.ProcessEnv): readonly string[] {
  const sign = marks(env);
  const width = Math.max(...categories.map(({ categoryName }) => categoryName.length));
  const lines = ({ description, result, error, hint }: MeshCheck, word: string) => [
    `${sign[result]} ${word.padEnd(width)}  ${description}${error === undefined ? '' : `: ${error}`}`,
    ...(hint === undefined ? [] : hint.split('\n').map((line) => `    fix    ${line}`)),
  ];
  return categories.flatMap(({ categoryName, checks }) =>
    checks.flatMap((check, index) => lines(check, index === 0 ? categoryName : '')),
  );
}
