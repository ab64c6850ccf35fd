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
    const { released, proxies } = report;
    const asked = proxies.length === 0 ? '' : `, and ${proxies.join(', ')} to come again`;
    const count = `${released} refusal${released === 1 ? ' is' : 's are'} forgotten${asked}`;
    output.object('Released', report, output.format === 'name' ? [resource] : [`${resource}: ${count}`]);
  }
  return 0;
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
