import type { ReleaseReport } from '../../admin/admin-source.ts';
import { Failure } from '../../model/failure.ts';
import type { RefusedResource } from '../../model/status.ts';
import type { Column } from '../output.ts';
import { readApi } from '../read-api.ts';
import { ago } from '../render/span.ts';
import type { ExitCode, VerbContext } from '../verb.ts';
import type { nacksFlags } from '../verbs/nacks.ts';

/** `weft nacks`: the refusals, or with `--release` one attempt more. Throws Failure WEFT0920 for a name of which nothing is refused. */
export async function nacks(context: VerbContext<typeof nacksFlags>): Promise<ExitCode> {
  const { flags, output } = context;
  const api = await readApi(context);
  if (flags.release.length === 0) {
    const refused = await api.get('/debug/nackz');
    if (!Array.isArray(refused))
      throw new Failure(
        'WEFT0911',
        'the answer of /debug/nackz is no list',
        'is the control plane of the same version?',
      );
    output.list('RefusedResourceList', refused as readonly RefusedResource[], columns(Date.now()));
    if (refused.length === 0) output.say('nothing was refused');
    return 0;
  }
  for (const resource of flags.release) {
    const report = (await api.post('/debug/nackz', { resource })) as ReleaseReport;
    output.object('Released', report, output.format === 'name' ? [resource] : [`${resource}: ${released(report)}`]);
  }
  return 0;
}

/** What was done: refusals that equals shared are forgotten, and who refused it on a stream that is open comes with a new one. */
function released({ released: count, proxies }: ReleaseReport): string {
  const [first] = proxies;
  const forgotten = `${count} refusal${count === 1 ? ' is' : 's are'} forgotten`;
  if (first === undefined) return `${forgotten}, so it is offered again`;
  const asked = `${proxies.join(', ')} ${proxies.length === 1 ? 'is' : 'are'} told to come again`;
  if (count > 0) return `${forgotten}, and ${asked}`;
  return `${asked}, and then offered it once more; the cause was its own machine${proxies.length === 1 ? '' : ' in each case'}, so nobody else was kept from it`;
}

function columns(now: number): readonly Column<RefusedResource>[] {
  return [
    { title: 'RESOURCE', of: ({ resource }) => resource },
    { title: 'TYPE', of: ({ type }) => type },
    {
      title: 'REFUSED-BY',
      of: ({ firstRefusedBy, refusals }) => `${firstRefusedBy}${refusals > 1 ? ` +${refusals - 1}` : ''}`,
    },
    { title: 'SINCE', of: ({ at }) => ago(at, now) },
    { title: 'KEPT-FROM', of: ({ wanted, withheldFrom }) => (wanted ? withheldFrom : 'nobody: it changed') },
    { title: 'FROM', of: ({ source }) => (source === undefined ? '-' : `${source.file}:${source.line}`) },
    { title: 'REASON', of: ({ message }) => message },
    { title: 'SCOPE', of: ({ scope }) => scope, wide: true },
    { title: 'AGENT', of: ({ agent }) => agent, wide: true },
  ];
}
