import type { RegistrySourceReport, TokenReport } from '../../admin/admin-source.ts';
import type { PolicyItem, PortItem, ServiceItem, WorkloadItem } from '../../admin/mesh-values.ts';
import { Failure } from '../../model/failure.ts';
import { nearestName } from '../../model/nearest-name.ts';
import type { CertificateStatus, ProxyStatus } from '../../model/status.ts';
import type { ApiClient } from '../api-client.ts';
import { marks } from '../marks.ts';
import type { Column } from '../output.ts';
import { listedNamespace, readApi, readItems, readValue } from '../read-api.ts';
import * as columns from '../render/kinds.ts';
import { proxyColumns } from '../render/proxies.ts';
import { isSidecar, type SidecarItem, sidecarColumns } from '../render/sidecars.ts';
import { contradictionLines, troubleLines } from '../render/troubles.ts';
import type { ExitCode, VerbContext } from '../verb.ts';
import type { getFlags } from '../verbs/get.ts';

type GetContext = VerbContext<typeof getFlags>;
type Show = (api: ApiClient, context: GetContext) => Promise<void>;

/** Kinds that have no namespace are listed whole; of what the API lists only items of `which` are shown. */
function list<Item extends object>(
  kind: string,
  path: string,
  of: (context: GetContext) => readonly Column<Item>[],
  which: (item: Item) => boolean = () => true,
  /** What is told below the table. */
  below: (items: readonly Item[], context: GetContext) => readonly string[] = () => [],
): Show {
  return async (api, context) => {
    const namespace = listedNamespace(context);
    const [, name] = context.arguments;
    const near = (await readItems<Item>(api, path)).filter(
      (item) =>
        which(item) &&
        (namespace === undefined ||
          !('namespace' in item) ||
          item.namespace === undefined ||
          item.namespace === namespace),
    );
    const shown = name === undefined ? near : named(near, name, of(context)[0]);
    context.output.list(kind, shown, of(context));
    const { format } = context.output;
    if (format === 'table' || format === 'wide') for (const line of below(shown, context)) context.output.line(line);
    if (shown.length === 0)
      context.output.say(namespace === undefined ? 'there are none' : `there are none in ${namespace}`);
  };
}

/** Those that are called so, whole, without their namespace, or by their host. Throws Failure WEFT0920 with the nearest name. */
function named<Item extends object>(
  items: readonly Item[],
  asked: string,
  first: Column<Item> | undefined,
): readonly Item[] {
  const namesOf = (item: Item): readonly string[] =>
    [
      first?.of(item),
      ...['name', 'id', 'host', 'identity'].map((key) => new Map(Object.entries(item)).get(key)),
    ].filter((name) => typeof name === 'string');
  const name = asked.replace(/^[a-z]+\//, '');
  const found = items.filter((item) => namesOf(item).includes(name));
  if (found.length > 0) return found;
  const meant = nearestName(name, items.flatMap(namesOf));
  const hint = meant === undefined ? 'without a name all are listed' : `did you mean "${meant}"?`;
  throw new Failure('WEFT0920', `there is none called "${name}"`, hint);
}

const kinds: Readonly<Record<string, Show>> = {
  services: list<ServiceItem>('ServiceList', '/api/v1/services', () => columns.serviceColumns(Date.now())),
  workloads: list<WorkloadItem>(
    'WorkloadList',
    '/api/v1/workloads',
    () => columns.workloadColumns,
    undefined,
    (items, { env }) => [...troubleLines(items, marks(env), Date.now()), ...contradictionLines(items, marks(env))],
  ),
  policies: list<PolicyItem>('PolicyList', '/api/v1/policies', () => columns.policyColumns),
  sidecars: list<SidecarItem>('SidecarList', '/api/v1/policies', () => sidecarColumns, isSidecar),
  certs: list<CertificateStatus>('CertificateList', '/api/v1/certificates', () =>
    columns.certificateColumns(Date.now()),
  ),
  tokens: list<TokenReport>('TokenList', '/api/v1/tokens', () => columns.tokenColumns),
  proxies: list<ProxyStatus>('ProxyList', '/api/v1/proxies', ({ env }) => proxyColumns(marks(env), Date.now())),
  ports: list<PortItem>('PortList', '/api/v1/ports', () => columns.portColumns),
  sources: list<RegistrySourceReport>('SourceList', '/api/v1/sources', () => columns.sourceColumns),
  mesh: async (api, { output }) => {
    const mesh = await readValue<Readonly<Record<string, unknown>>>(api, '/debug/mesh');
    const width = Math.max(...Object.keys(mesh).map((key) => key.length)) + 2;
    const shown = (value: unknown): string => {
      if (typeof value !== 'object' || value === null) return String(value);
      // A decided value, with who says so.
      return 'value' in value && 'by' in value ? `${value.value}  ${value.by}` : JSON.stringify(value);
    };
    output.object(
      'Mesh',
      mesh,
      Object.entries(mesh).map(([key, value]) => `${key.padEnd(width)}${shown(value)}`),
    );
  },
};

/** `weft get KIND`; the singular is understood, too. */
export async function get(context: GetContext): Promise<ExitCode> {
  const [asked = ''] = context.arguments;
  const found = [asked, `${asked}s`, asked.replace(/y$/, 'ies'), `${asked.replace(/y$/, 'ie')}s`, `${asked}es`].find(
    (word) => Object.hasOwn(kinds, word),
  );
  const show = found === undefined ? undefined : kinds[found];
  if (show === undefined) {
    const meant = nearestName(asked, Object.keys(kinds));
    const hint = meant === undefined ? `kinds are ${Object.keys(kinds).join(', ')}` : `did you mean "${meant}"?`;
    throw new Failure('WEFT0912', `unknown kind "${asked}"`, hint);
  }
  await show(await readApi(context), context);
  return 0;
}
