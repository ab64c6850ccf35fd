import { isIP } from 'node:net';
import type { ImportedHosts, SidecarEgress, SidecarListener } from '../../model/sidecar-policy.ts';
import { hostCovers, plainHost } from '../hosts.ts';
import type { LowerContext } from '../kind-definition.ts';
import type { Infer } from '../shape.ts';
import { anyText, object, someOf, text } from '../shape-builders.ts';
import { present, refuseRepeats } from './common.ts';
import { lowerPort } from './service-ports.ts';
import { captureMode, sidecarPort, socketPath } from './sidecar-ports.ts';

export const egress = object(
  { port: sidecarPort, bind: anyText, captureMode, hosts: someOf(text('import-host')) },
  { required: ['hosts'] },
);

type Written = Infer<typeof egress>;

/** Only the last entry may be without a port: it says what is imported besides. */
export function lowerEgress(written: readonly Written[], context: LowerContext): readonly SidecarEgress[] {
  const entries = written.map((entry, index) => {
    const path = `spec.egress[${index}]`;
    if (entry.port === undefined && index < written.length - 1) {
      const message = 'expected "port", which only the last entry may leave out';
      context.report('WEFT0002', path, message, 'add port, or move this entry to the end');
    }
    return present<SidecarEgress>({
      hosts: lowerHosts(entry.hosts, path, context),
      listener: lowerListener(entry, path, context),
    });
  });
  const places = entries.flatMap(({ listener }, index): (readonly [string, string | number])[] =>
    listener === undefined
      ? []
      : [
          listener.kind === 'port'
            ? [`spec.egress[${index}].port.number`, listener.port]
            : [`spec.egress[${index}].bind`, listener.path],
        ],
  );
  refuseRepeats(context, places, 'listener');
  return entries;
}

function lowerListener(entry: Written, path: string, context: LowerContext): SidecarListener | undefined {
  const { port, bind = '' } = entry;
  if (port === undefined) {
    // Where a proxy's other listeners are is its own matter: its bootstrap says so.
    if (bind !== '') context.refuse(`${path}.bind`, 'T2', 'bind without port');
    return undefined;
  }
  const { number = 0, name } = port;
  const protocol = protocolOf(port, path, context);
  const said = present<Pick<SidecarListener, 'name' | 'protocol'>>({ name: name || undefined, protocol });
  if (number > 0) {
    const problem = bind === '' || isIP(bind) !== 0 ? undefined : 'an IP address';
    if (problem) wrong(context, `${path}.bind`, problem, bind);
    return { kind: 'port', port: number, ...said, ...(bind !== '' && { bind }) };
  }
  const socket = socketPath(bind);
  if (socket === undefined) {
    const expected = 'a port from 1 to 65535, or beside 0 a unix socket in bind, such as unix:///run/db.sock';
    wrong(context, bind === '' ? `${path}.port` : `${path}.bind`, expected, bind === '' ? '0' : bind);
    return undefined;
  }
  return { kind: 'socket', path: socket, ...said };
}

function protocolOf(port: NonNullable<Written['port']>, path: string, context: LowerContext) {
  const { number = 0, name = '', protocol = '' } = port;
  if (protocol.toUpperCase() === 'HTTP_PROXY') {
    // A listener for absolute URLs stands at every sidecar already.
    context.refuse(`${path}.port.protocol`, 'T2', protocol);
    return 'http';
  }
  const stated = protocol === '' ? undefined : { word: protocol, field: `${path}.port.protocol` };
  return lowerPort({ name, number, stated }, `${path}.port`, context).protocol;
}

function wrong(context: LowerContext, field: string, expected: string, got: string): void {
  context.report('WEFT0002', field, `expected ${expected}, got ${JSON.stringify(got)}`, `write ${expected}`);
}

/** `~ns/host` takes away what others of the list import; `~/host` of every namespace. */
function lowerHosts(written: readonly string[], path: string, context: LowerContext): readonly ImportedHosts[] {
  const hosts = written.map((text): ImportedHosts => {
    const [space = '', host = ''] = text.split('/');
    const excluded = space.startsWith('~');
    const namespace = excluded ? space.slice(1) || '*' : space;
    return { text, namespace, host: plainHost(host), excluded };
  });
  hosts.forEach((entry, index) => {
    const before = hosts.findIndex(
      (other, at) => at !== index && covers(other, entry, context) && (at < index || !covers(entry, other, context)),
    );
    const other = hosts[before];
    if (other === undefined) return;
    const message = `${JSON.stringify(entry.text)} has no effect: ${JSON.stringify(other.text)} covers it`;
    const related = [{ file: context.file, line: context.lineOf(`${path}.hosts[${before}]`), message: other.text }];
    context.report('WEFT0132', `${path}.hosts[${index}]`, message, 'remove it', { related });
  });
  return hosts;
}

/** Whether an entry means nothing that another does not mean; namespaces that are named choose among equal hosts (P8), so they count. */
function covers(wider: ImportedHosts, entry: ImportedHosts, { namespace }: LowerContext): boolean {
  const named = (space: string) => (space === '.' ? namespace : space);
  if (wider.excluded !== entry.excluded || !hostCovers(wider.host, entry.host)) return false;
  const [of, own] = [named(wider.namespace), named(entry.namespace)];
  return of === own || (of === '*' && (entry.host.startsWith('*') || entry.excluded));
}
