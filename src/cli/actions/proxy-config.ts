import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { ProvenanceItem } from '../../admin/policy-windows.ts';
import { Failure } from '../../model/failure.ts';
import { nearestName } from '../../model/nearest-name.ts';
import type { ProxyStatus } from '../../model/status.ts';
import { outReasons } from '../../model/traffic.ts';
import { findProxy } from '../find-proxy.ts';
import { type Marks, marks } from '../marks.ts';
import type { Output } from '../output.ts';
import { askedNamespace, readApi, readItems, readValue } from '../read-api.ts';
import { type AskedHost, isAbout, nothingAbout, onlyAbout } from '../render/asked-host.ts';
import {
  type DumpedResource,
  type DumpType,
  dumpParts,
  dumpTypes,
  filteredParts,
  partsOf,
  type RefusedInDump,
  refusedOf,
  resourcesOf,
} from '../render/config-dump.ts';
import {
  clusterColumns,
  endpointColumns,
  endpointLines,
  listenerColumns,
  routeColumns,
  secretColumns,
} from '../render/dump-tables.ts';
import type { Json } from '../render/dump-value.ts';
import { outLines, whichAreOut } from '../render/held-out.ts';
import { noPlaces, type ProvenancePlaces, provenancePlaces } from '../render/provenance-places.ts';
import { routeRows } from '../render/route-rows.ts';
import type { ExitCode, VerbContext } from '../verb.ts';
import type { proxyConfigFlags } from '../verbs/proxy-config.ts';
import { yamlText } from '../yaml-text.ts';

type ConfigContext = VerbContext<typeof proxyConfigFlags>;

interface Loaded {
  /** Whose configuration it is; absent: that of a file. */
  readonly proxy?: ProxyStatus;
  readonly dump: Json;
  readonly where: string;
  readonly places: ProvenancePlaces;
}

/** `weft proxy-config TYPE NAME`: as JSON, Envoy's own config dump; as tables, one for each type. */
export async function proxyConfig(context: ConfigContext): Promise<ExitCode> {
  const { output } = context;
  const types = typesOf(context.arguments[0] ?? '');
  const { dump, where, places, proxy } = await load(context);
  const parts = dumpParts(dump, where);
  const keep = filterOf(context);
  if (output.format === 'json' || output.format === 'yaml') {
    // No envelope: tools that read Envoy's own dumps read this one.
    const asked = types.length === dumpTypes.length ? parts : types.flatMap((type) => partsOf(parts, type));
    const configs =
      keep === undefined ? asked : types.flatMap((type) => filteredParts(partsOf(asked, type), type, keep));
    output.document(output.format === 'yaml' ? yamlText({ configs }) : `${JSON.stringify({ configs }, null, 2)}\n`);
    return 0;
  }
  for (const type of types) {
    const all = resourcesOf(parts, type);
    const shown = keep === undefined ? all : all.flatMap((resource) => keep(resource) ?? []);
    if (types.length > 1 && output.format !== 'name') output.document(`${type === types[0] ? '' : '\n'}${type}\n`);
    if (keep === undefined || shown.length > 0) show(type, shown, resourcesOf(parts, 'listeners'), places, output);
    else output.say(nothingFound(type, all, context));
    if (output.format === 'name') continue;
    const more = context.flags.file === undefined ? `  weft proxies ${where}` : '';
    for (const line of refusedLines(refusedOf(parts, type), more, marks(context.env))) output.line(line);
    if (type === 'endpoints' && proxy !== undefined) for (const line of heldOut(proxy, context)) output.line(line);
  }
  return 0;
}

/** What is shown above is what the proxy holds; where it should hold something newer that is said, with Envoy's words. */
function refusedLines(refused: readonly RefusedInDump[], more: string, { bad }: Marks): readonly string[] {
  return refused.map(({ name, version, message }) => {
    const held = version === '' ? 'is not held' : `is held as it was (${version.slice(0, 12)})`;
    return `${bad} ${name} ${held}: its newest form was refused: ${message}${more}`;
  });
}

/** What it was told of is shown above; what it calls of that, only its Envoy knows. */
function heldOut(proxy: ProxyStatus, context: ConfigContext): readonly string[] {
  const { warning } = marks(context.env);
  return outReasons.flatMap((why) => {
    const lines = outLines(proxy, why).map((line) => `${warning} ${line}`);
    return lines.length === 0 ? [] : [...lines, `    ${whichAreOut(why)}`];
  });
}

function typesOf(asked: string): readonly DumpType[] {
  if (asked === 'all') return dumpTypes;
  const found = dumpTypes.find((type) => type === asked || type === `${asked}s`);
  if (found !== undefined) return [found];
  const meant = nearestName(asked, ['all', ...dumpTypes]);
  const hint = meant === undefined ? `types are all, ${dumpTypes.join(', ')}` : `did you mean "${meant}"?`;
  throw new Failure('WEFT0912', `unknown type "${asked}"`, hint);
}

async function load(context: ConfigContext): Promise<Loaded> {
  const [, name] = context.arguments;
  const { file } = context.flags;
  if (file !== undefined) return { dump: await readDump(context, file), where: file, places: noPlaces };
  if (name === undefined) {
    throw new Failure('WEFT0912', 'which proxy?', 'name one, as "weft proxies" lists them, or say --file DUMP');
  }
  const api = await readApi(context);
  const proxy = await findProxy(api, name, askedNamespace(context));
  const id = `${proxy.name}.${proxy.namespace}`;
  const path = `/api/v1/proxies/${encodeURIComponent(id)}`;
  const [dump, items] = await Promise.all([
    readValue<object>(api, `${path}/config`),
    readItems<ProvenanceItem>(api, `${path}/provenance`),
  ]);
  return { dump, where: id, places: provenancePlaces(items), proxy };
}

async function readDump(context: ConfigContext, file: string): Promise<Json> {
  try {
    return JSON.parse(file === '-' ? await context.readInput() : readFileSync(resolve(context.cwd, file), 'utf8'));
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    throw new Failure('WEFT0912', `"${file}" cannot be read as JSON: ${words}`, 'name a file with a config dump', file);
  }
}

type Keep = (resource: DumpedResource) => DumpedResource | undefined;

/** What --fqdn and --port leave of a resource; undefined: they ask for nothing. */
function filterOf(context: ConfigContext): Keep | undefined {
  const { fqdn, port } = context.flags;
  if (fqdn === undefined && port === undefined) return undefined;
  const host = askedHost(context);
  const number = new RegExp(`(^|[^0-9])${port}([^0-9]|$)`);
  return (one) => {
    if (port !== undefined && !number.test(`${one.name} ${JSON.stringify(one.resource)}`)) return undefined;
    if (host === undefined) return one;
    return isAbout(one, host) ? { ...one, resource: onlyAbout(one, host) } : undefined;
  };
}

function askedHost(context: ConfigContext): AskedHost | undefined {
  const { fqdn } = context.flags;
  return fqdn === undefined ? undefined : { text: fqdn, namespace: askedNamespace(context) };
}

function nothingFound(type: DumpType, all: readonly DumpedResource[], context: ConfigContext): string {
  const host = askedHost(context);
  const { port } = context.flags;
  const isOfHost = (one: DumpedResource) => host === undefined || isAbout(one, host);
  if (host === undefined || all.some(isOfHost)) return `no ${type} with port ${port}`;
  return nothingAbout(type, host, all);
}

function show(
  part: DumpType,
  shown: readonly DumpedResource[],
  listeners: readonly DumpedResource[],
  places: ProvenancePlaces,
  output: Output,
): void {
  switch (part) {
    case 'routes':
      output.list('RouteList', routeRows(shown, listeners, places.ofRoute), routeColumns);
      break;
    case 'listeners':
      output.list('ListenerList', shown, listenerColumns(places));
      break;
    case 'clusters':
      output.list('ClusterList', shown, clusterColumns(places));
      break;
    case 'endpoints':
      output.list('EndpointList', endpointLines(shown), endpointColumns);
      break;
    case 'secrets':
      output.list('SecretList', shown, secretColumns);
      break;
    case 'bootstrap':
      for (const { resource } of shown) output.document(`${JSON.stringify(resource, null, 2)}\n`);
      break;
    default: {
      part satisfies never;
    }
  }
}
