import { isLocality, localityForm } from '../model/locality.ts';
import { protocols } from '../model/protocol.ts';
import { type FlagValues, list, oneOf, port, text, UsageError, value } from './flag.ts';

/** The protocols of P28, for `value`. */
export const protocol = oneOf(protocols);

/** Flags of `run` and `bootstrap`: who the workload is, where it listens, how its application reaches the sidecar. */
export const workloadFlags = {
  service: text({
    placeholder: 'NAME',
    help: "the service that this workload serves; the token must allow it (the group's name)",
  }),
  group: text({
    placeholder: 'NAMESPACE/NAME',
    help: 'the WorkloadGroup that it joins: its labels, ports, locality and weight, and what is probed',
  }),
  name: text({ placeholder: 'NAME', help: 'this workload among those of the service (SERVICE-1)' }),
  version: text({ placeholder: 'NAME', help: 'its label "version"' }),
  label: list({ placeholder: 'KEY=VALUE', help: 'a label that policies can select; may be repeated' }),
  port: list({
    placeholder: 'PORT[/PROTOCOL]',
    help: 'a port of the application; may be repeated; without one the workload only calls',
  }),
  protocol: value({ placeholder: 'NAME', default: 'http', help: 'what is spoken on ports that do not say' }, protocol),
  'inbound-port': list({
    placeholder: 'PORT',
    help: 'where callers connect, for each --port in turn (PORT + 10000; weft run takes and names a free one where that is in use)',
  }),
  'inbound-bind': text({ placeholder: 'ADDRESS', default: '0.0.0.0', help: 'the address of those listeners' }),
  'application-address': text({
    placeholder: 'ADDRESS',
    default: '127.0.0.1',
    help: 'the loopback address on which the application listens',
  }),
  address: text({ placeholder: 'ADDRESS', help: 'what callers connect to (the address the control plane sees)' }),
  locality: value(
    { placeholder: 'REGION/ZONE', help: 'where it runs, perhaps with a /SUBZONE: policies prefer what is near' },
    locality,
  ),
  capture: value(
    { placeholder: 'WAYS', default: 'proxy,ports', help: 'how the application reaches the mesh: proxy, ports, none' },
    captureWays,
  ),
  bind: text({
    placeholder: 'ADDRESS',
    help: 'the loopback address on which the application reaches the sidecar (127.0.0.1; weft run takes and names another where that is in use)',
  }),
  'outbound-port': value({ placeholder: 'PORT', help: 'the port for HTTP_PROXY (15001)' }, port),
  admin: text({ placeholder: 'PATH|ADDRESS:PORT', help: "Envoy's admin endpoint (a unix socket, 0600)" }),
  'token-file': text({ placeholder: 'FILE', help: 'the join token, - for stdin (WEFT_TOKEN_FILE)' }),
  'stats-interval': value(
    { placeholder: 'SECONDS', default: '5', help: 'how often Envoy reports what it counted' },
    statsInterval,
  ),
} as const;

export type WorkloadFlags = FlagValues<typeof workloadFlags>;

export interface CaptureWays {
  readonly proxy: boolean;
  readonly ports: boolean;
}

function captureWays(given: string): CaptureWays {
  const ways = given === 'none' ? [] : given.split(',');
  for (const way of ways) {
    if (way === 'vip' || way === 'redirect')
      throw new UsageError(`"${way}" is not available yet; use proxy, ports or none`);
    if (way !== 'proxy' && way !== 'ports') throw new UsageError(`"${way}" is none of proxy, ports, none`);
  }
  return { proxy: ways.includes('proxy'), ports: ways.includes('ports') };
}

function locality(given: string): string {
  if (isLocality(given)) return given;
  throw new UsageError(`"${given}" is not ${localityForm}`);
}

/** Seconds on the line, milliseconds inside. */
function statsInterval(given: string): number {
  const seconds = Number(given);
  if (/^\d{1,4}(\.\d{1,3})?$/.test(given) && seconds >= 0.1) return seconds * 1_000;
  throw new UsageError(`"${given}" is not a number of seconds from 0.1 to 9999`);
}
