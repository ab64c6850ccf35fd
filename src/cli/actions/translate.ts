import { configurationCost, isBeyondBudget } from '../../control-plane/configuration-cost.ts';
import { generatedFinding } from '../../control-plane/generated-finding.ts';
import { offlineMesh } from '../../control-plane/offline-mesh.ts';
import { bareCaller, offlineProxy } from '../../control-plane/offline-proxy.ts';
import { resourcesOf } from '../../control-plane/proxy-resources.ts';
import { objectOf } from '../../control-plane/revision-table.ts';
import type { Diagnostic } from '../../model/diagnostic.ts';
import { Failure } from '../../model/failure.ts';
import { isLabel } from '../../model/identity.ts';
import type { Mesh } from '../../model/mesh.ts';
import type { Proxy } from '../../model/proxy.ts';
import { readableIr } from '../../model/readable-ir.ts';
import { diagnosticRecord, renderDiagnostics, renderSummary } from '../../policy/render.ts';
import { toEnvoyJson } from '../../proto/canonical-json.ts';
import { decode } from '../../proto/codec.ts';
import { schemaOf } from '../../proto/registry.ts';
import { localPortRange } from '../../registry/local-ports.ts';
import { generatedFault } from '../../translate/generated-fault.ts';
import { createLayer } from '../../xds/layer.ts';
import type { Resource } from '../../xds/resource.ts';
import {
  clusterType,
  endpointType,
  extensionType,
  listenerType,
  routeType,
  secretType,
} from '../../xds/resource-types.ts';
import { type CheckedPlaces, checkPlaces } from '../check-places.ts';
import { policyPlace } from '../policy-place.ts';
import { costText } from '../render/proxies.ts';
import type { ExitCode, VerbContext } from '../verb.ts';
import type { translateFlags } from '../verbs/translate.ts';

type TranslateContext = VerbContext<typeof translateFlags>;

/** `weft translate --to ir|xds`: exit 1 when the policies have an error, as then nothing would be served. */
export async function translate(context: TranslateContext): Promise<ExitCode> {
  const { flags, output, cwd } = context;
  const started = performance.now();
  const checked = await checkPlaces([policyPlace(cwd, flags.file)]);
  const { policies, settings, values } = checked;
  if (policies === undefined) {
    tellErrors(context, checked, performance.now() - started);
    return 1;
  }
  if (checked.diagnostics.length > 0) for (const line of framesOf(checked)) output.say(line);
  // As a server without a history would give them (section 7 of experience.md).
  const mesh = offlineMesh({ policies, settings, range: localPortRange(values['localPorts.base']) });
  const proxy = proxyOf(mesh, context);
  const { ir, resources } = resourcesOf(mesh, proxy);
  for (const resource of resources) {
    const fault = generatedFault(resource);
    if (fault === undefined) continue;
    const at = generatedFinding(resource, fault, (ref) => objectOf(policies, ref))?.at;
    const where = at && `${at.file}:${at.line}:${at.column}`;
    throw new Failure('WEFT0601', fault.text, 'report it as a bug of Weft, with the policy that led to it', where);
  }
  const cost = configurationCost([createLayer(resources)]);
  if (isBeyondBudget(cost)) output.say(`${proxy.id}  ${costText(cost)}`);
  const about = { proxy: proxy.id, commit: policies.commit };
  if (flags.to === 'ir') output.object('ProxyIR', { ...about, ...readableIr(ir) }, []);
  else output.object('ProxyResources', { ...about, ...byType(resources) }, []);
  return 0;
}

function proxyOf(mesh: Mesh, { flags, namespace }: TranslateContext): Proxy {
  if (!isLabel(namespace)) {
    throw new Failure(
      'WEFT0912',
      `--namespace "${namespace}" is not a name`,
      'lower-case letters, digits and "-", at most 63',
    );
  }
  return flags.proxy === undefined ? bareCaller(mesh, namespace) : offlineProxy(mesh, flags.proxy, namespace);
}

/** Envoy's own messages with its field names, by what `weft proxy-config` calls them. */
function byType(resources: readonly Resource[]): Readonly<Record<string, readonly unknown[]>> {
  const of = (typeUrl: string) =>
    resources
      .filter((resource) => resource.typeUrl === typeUrl)
      .map(({ value }) => toEnvoyJson(decode(schemaOf(typeUrl), value)));
  const secrets = of(secretType);
  const filters = of(extensionType);
  return {
    listeners: of(listenerType),
    routes: of(routeType),
    clusters: of(clusterType),
    endpoints: of(endpointType),
    ...(filters.length > 0 && { filters }),
    // What policies say of secrets are the paths of files.
    ...(secrets.length > 0 && { secrets }),
  };
}

/** Data goes to stdout: a format that was asked for is kept, else the findings are for people and go where these read. */
function tellErrors({ globals, output }: TranslateContext, checked: CheckedPlaces, milliseconds: number): void {
  const { diagnostics, tree } = checked;
  const count = (severity: Diagnostic['severity']) =>
    diagnostics.filter((finding) => finding.severity === severity).length;
  if (globals.output !== undefined || globals.quiet) {
    const summary = {
      errors: count('error'),
      warnings: count('warning'),
      infos: count('info'),
      files: tree.files.length,
    };
    output.object('DiagnosticList', { summary, items: diagnostics.map(diagnosticRecord) }, []);
    return;
  }
  for (const line of framesOf(checked)) output.say(line);
  output.say(renderSummary(diagnostics, tree.files.length, milliseconds));
}

/** As `weft validate` shows them. */
function framesOf({ diagnostics, tree }: CheckedPlaces): readonly string[] {
  const texts = new Map(tree.files.map(({ path, text }) => [path, text]));
  return renderDiagnostics(diagnostics, (file) => texts.get(file), 20).split('\n');
}
