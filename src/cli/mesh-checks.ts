import type { StatusValue } from '../admin/status-value.ts';
import type { Failure } from '../model/failure.ts';
import type { MeshCheck, MeshCheckCategory, MeshCheckResult } from '../model/mesh-check.ts';
import { spanInWords } from './render/span.ts';
import { counted, findingsCommand } from './render/status.ts';

/** What was found out about this machine and the mesh. Times in milliseconds since 1970. */
export interface MeshFacts {
  /** `20.20.0`, and the least that Weft runs with. */
  readonly node: { readonly version: string; readonly least: string };
  readonly platform: { readonly os: string; readonly architecture: string };
  readonly envoy: { readonly version: string; readonly path: string; readonly foundBy: string } | Failure;
  /** The version that Weft is made for. */
  readonly pinnedEnvoy: string;
  readonly controlPlane: { readonly url: string; readonly status: StatusValue; readonly clock?: number } | Failure;
  /** Of this machine, when the control plane was heard. */
  readonly now: number;
}

/** Clocks may differ by so much: certificates begin five minutes before they are made (F22, X118). */
const mostSkew = 300_000;
const notableSkew = 5_000;

/** The short list of `weft check`: host, Envoy, and what the control plane says of the mesh. What cannot be known is left out. */
export function meshChecks(facts: MeshFacts): MeshCheckResult {
  const { controlPlane } = facts;
  const local: readonly MeshCheckCategory[] = [
    { categoryName: 'host', checks: hostChecks(facts) },
    { categoryName: 'envoy', checks: [envoyCheck(facts)] },
  ];
  const asked: readonly MeshCheckCategory[] =
    'status' in controlPlane
      ? [
          { categoryName: 'control-plane', checks: [good(`answers at ${controlPlane.url}`)] },
          { categoryName: 'ca', checks: authorityChecks(controlPlane.status, facts.now) },
          { categoryName: 'registry', checks: registryChecks(controlPlane.status) },
          { categoryName: 'policies', checks: policyChecks(controlPlane.status) },
          { categoryName: 'proxies', checks: [proxyCheck(controlPlane.status), ...healthChecks(controlPlane.status)] },
          ...(controlPlane.clock === undefined
            ? []
            : [{ categoryName: 'clock', checks: [clockCheck(controlPlane.clock - facts.now)] } as const]),
        ]
      : [{ categoryName: 'control-plane', checks: [failed('the control plane does not answer', controlPlane)] }];
  const categories = [...local, ...asked];
  return { success: categories.every(({ checks }) => checks.every(({ result }) => result !== 'bad')), categories };
}

function hostChecks({ node, platform: { os, architecture } }: MeshFacts): readonly MeshCheck[] {
  const runs = os === 'linux' && (architecture === 'x64' || architecture === 'arm64');
  return [
    atLeast(node.version, node.least)
      ? good(`Node ${node.version}`)
      : bad(`Node ${node.version}`, `Weft needs ${node.least} or newer`, `install Node ${node.least} or newer`),
    runs
      ? good(`${os} ${architecture}`)
      : warning(
          `${os} ${architecture}`,
          'Envoy is tried with Weft on Linux alone',
          'run sidecars on Linux, x64 or arm64',
        ),
  ];
}

function envoyCheck({ envoy, pinnedEnvoy }: MeshFacts): MeshCheck {
  if (!('version' in envoy)) return failed('no Envoy can be used', envoy);
  const description = `Envoy ${envoy.version} (${envoy.foundBy}: ${envoy.path})`;
  if (envoy.version === pinnedEnvoy) return good(description);
  return warning(description, `Weft is tried with ${pinnedEnvoy}`, `use Envoy ${pinnedEnvoy}: --envoy, or ENVOY_PATH`);
}

/** What calls say; without a proxy nobody calls. */
function healthChecks({ health: { state, reasons }, proxies }: StatusValue): readonly MeshCheck[] {
  if (proxies.connected === 0) return [];
  if (state === 'Healthy') return [good('the mesh is healthy')];
  return [
    (state === 'Progressing' ? warning : bad)(
      state === 'Progressing' ? 'it is not known yet whether the mesh is healthy' : 'the mesh is not healthy',
      [state, ...reasons].join('; '),
      'weft edges and weft proxies show where',
    ),
  ];
}

function authorityChecks({ certs }: StatusValue, now: number): readonly MeshCheck[] {
  const { valid, rootNotAfter, nextRenewal, alarms, rotation } = certs;
  const until = rootNotAfter === undefined ? '' : `, root until ${rootNotAfter.slice(0, 10)}`;
  const next = nextRenewal === undefined ? '' : `, next renewal in ${spanInWords(Date.parse(nextRenewal) - now)}`;
  return [
    good(`${valid} valid ${valid === 1 ? 'certificate' : 'certificates'}${next}${until}`),
    ...alarms.map(({ code, message, hint, endsWithinDays }) =>
      (endsWithinDays <= 1 ? bad : warning)('a certificate of the CA ends soon', `${code} ${message}`, hint),
    ),
    ...(rotation === undefined
      ? []
      : [
          warning(
            'a change of root is under way',
            `it is ${rotation.phase}, ${rotation.acked} of ${rotation.proxies} proxies follow`,
            `weft cert rotate --root --step ${rotation.next} --wait`,
          ),
        ]),
  ];
}

function registryChecks({ sources }: StatusValue): readonly MeshCheck[] {
  return sources.map(({ name, workloads, clashes }) => {
    const description = `${name}: ${workloads} ${workloads === 1 ? 'workload' : 'workloads'}`;
    const [first] = clashes;
    if (first === undefined) return good(description);
    const more = clashes.length === 1 ? '' : ` and ${clashes.length - 1} more`;
    return warning(
      description,
      `${first}${more} is known by an earlier source, too, which counts`,
      'give it another name',
    );
  });
}

function policyChecks({ policies, pending, findings }: StatusValue): readonly MeshCheck[] {
  const { serving, failure, objects, files } = policies;
  const what = `${objects} ${objects === 1 ? 'object' : 'objects'} in ${files} ${files === 1 ? 'file' : 'files'}`;
  const held = serving?.held ?? [];
  return [
    ...(failure === undefined
      ? []
      : [bad(`${policies.repository} cannot be read`, `${failure.code} ${failure.message}`, failure.hint)]),
    serving === undefined
      ? bad('no policies are served', 'none was ever good', 'weft validate says what is wrong')
      : good(`${serving.commit} is served: ${what}`),
    ...(held.length === 0
      ? []
      : [bad('namespaces are held back', held.map(({ namespace }) => namespace).join(', '), 'weft validate says why')]),
    ...(pending?.state === 'Rejected'
      ? [bad(`${pending.commit} is not served`, counted(pending.errors, 'error'), findingsCommand(pending.commit))]
      : []),
    ...(findings.warnings === 0
      ? []
      : [warning('there is something to say of them', counted(findings.warnings, 'warning'), findingsCommand())]),
  ];
}

function proxyCheck({ proxies: { connected, byStatus } }: StatusValue): MeshCheck {
  const description = `${connected} ${connected === 1 ? 'proxy' : 'proxies'} connected`;
  const count = (state: 'REJECTED' | 'STALE' | 'PENDING') => byStatus[state] ?? 0;
  if (connected === 0)
    return warning(description, 'nobody has joined', 'weft token create makes what weft run joins a workload with');
  if (count('REJECTED') > 0) return bad(description, `${count('REJECTED')} REJECTED`, 'weft nacks shows their words');
  if (count('STALE') > 0) return bad(description, `${count('STALE')} STALE`, 'weft proxies shows which');
  if (count('PENDING') > 0)
    return warning(description, `${count('PENDING')} PENDING`, 'weft status --wait waits for them');
  return good(`${description}, all have the newest configuration`);
}

/** `ahead` by so many milliseconds is the control plane; what it says is cut to seconds. */
function clockCheck(ahead: number): MeshCheck {
  const by = Math.abs(ahead);
  const clocks = 'the clocks of this machine and the control plane';
  if (by <= notableSkew) return good(`${clocks} agree`);
  const error = `this machine is ${spanInWords(by)} ${ahead > 0 ? 'behind' : 'ahead'}`;
  return (by > mostSkew ? bad : warning)(
    `${clocks} differ`,
    error,
    'set them by NTP: certificates and tokens are judged by the clock',
  );
}

function good(description: string): MeshCheck {
  return { description, result: 'good' };
}

function warning(description: string, error: string, hint: string): MeshCheck {
  return { description, result: 'warning', error, hint };
}

function bad(description: string, error: string, hint: string): MeshCheck {
  return { description, result: 'bad', error, hint };
}

function failed(description: string, { code, message, hint }: Failure): MeshCheck {
  return bad(description, `${code} ${message}`, hint);
}

/** Whether a version of numbers is at least another. */
function atLeast(version: string, least: string): boolean {
  const [have, want] = [version, least].map((text) => text.split('.').map(Number));
  for (const [index, part] of (want ?? []).entries()) {
    const own = have?.[index] ?? 0;
    if (own !== part) return own > part;
  }
  return true;
}
