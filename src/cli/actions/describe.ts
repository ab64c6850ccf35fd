import type { DescribedKind, Description } from '../../model/description.ts';
import { Failure } from '../../model/failure.ts';
import { nearestName } from '../../model/nearest-name.ts';
import { askedNamespace, readApi, readValue } from '../read-api.ts';
import { descriptionLines } from '../render/description.ts';
import type { ExitCode, VerbContext } from '../verb.ts';
import type { describeFlags } from '../verbs/describe.ts';

type DescribeContext = VerbContext<typeof describeFlags>;

const kinds: readonly DescribedKind[] = ['service', 'workload', 'policy'];

/** `weft describe KIND NAME`: of the running mesh, or with `-f` of the one that files describe. */
export async function describe(context: DescribeContext): Promise<ExitCode> {
  const [asked = '', named = ''] = context.arguments;
  const kind = kindOf(asked);
  const { file } = context.flags;
  if (file !== undefined) {
    const { describeFiles } = await import('./describe-files.ts');
    return describeFiles(context, file, kind, named);
  }
  const namespace = askedNamespace(context);
  const query = new URLSearchParams({ kind, name: named, ...(namespace === undefined ? {} : { namespace }) });
  const api = await readApi(context);
  const { subject, sections } = await readValue<Description>(api, `/api/v1/describe?${query}`);
  context.output.object('Description', { subject, sections }, descriptionLines({ subject, sections }));
  return 0;
}

function kindOf(asked: string): DescribedKind {
  const word = asked.toLowerCase();
  // A proxy is what stands before a workload.
  if (word === 'proxy' || word === 'proxies') return 'workload';
  const found = kinds.find((kind) => [kind, `${kind}s`, kind.replace(/y$/, 'ies')].includes(word));
  if (found !== undefined) return found;
  const meant = nearestName(asked, kinds);
  const hint = meant === undefined ? `kinds are ${kinds.join(', ')}` : `did you mean "${meant}"?`;
  throw new Failure('WEFT0912', `unknown kind "${asked}"`, hint);
}
