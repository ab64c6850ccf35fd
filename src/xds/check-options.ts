import { called, check, shown, withDefaults } from './check.ts';
import { serverOptions } from './option-kinds.ts';
import { defaultQuiet, type XdsServerOptions } from './server-options.ts';
import { servicePaths } from './service-paths.ts';
import type { QuietTimes } from './snapshot-store.ts';

/** Looks at the options of `createXdsServer`, one by one and together. Throws a TypeError that names what is wrong, and the way out. */
export function checkOptions<Principal>(options: XdsServerOptions<Principal>): void {
  check('createXdsServer', options, serverOptions, '', 'options');
  const complaints = [
    ...tooQuiet(options.quiet, 'quiet', 'longest'),
    ...tooQuiet(options.quiet, 'endpointsQuiet', 'endpointsLongest'),
    ...withoutOpen(options),
    ...withoutAuthenticate(options),
    ...withoutMethod(options),
  ];
  if (complaints.length > 0) throw new TypeError(`createXdsServer: ${complaints.join('; ')}`);
  for (const [path, handler] of options.handlers ?? [])
    check('createXdsServer', handler, called, `handlers of ${path}`);
}

/** Changes would be told before the quiet time that was asked for. */
function tooQuiet(given: Partial<QuietTimes> = {}, quiet: keyof QuietTimes, longest: keyof QuietTimes) {
  const times = withDefaults(defaultQuiet, given);
  if (times[quiet] <= times[longest]) return [];
  const shown = (name: keyof QuietTimes) =>
    `"quiet.${name}" (${times[name]}${given[name] === undefined ? ', its default' : ''})`;
  return [`${shown(quiet)} is above ${shown(longest)}: say both, the second not below the first`];
}

/** X8, and identity fails closed: whoever has any credential could be any node, and would get what is set for that node alone. */
function withoutOpen<Principal>({ authenticate, open }: XdsServerOptions<Principal>) {
  if (authenticate === undefined || open !== undefined) return [];
  return [
    `"authenticate" without "open": nothing says which node a principal may be; open: () => ({ ok: 'snapshots' }) lets each be any`,
  ];
}

/** Identity fails closed: who asks for certificates, and lets everybody in who has none, hardly means that. */
function withoutAuthenticate<Principal>({ authenticate, credentials }: XdsServerOptions<Principal>) {
  if (authenticate !== undefined || credentials === 'plaintext' || credentials.clientAuthority === undefined) return [];
  return [
    '"credentials.clientAuthority" without "authenticate": a client without a valid certificate is turned away by authenticate alone, which is given the certificate, or undefined',
  ];
}

/** A path that no call can have, or that is that of xDS itself, would never be served. */
function withoutMethod<Principal>({ handlers }: XdsServerOptions<Principal>) {
  return [...(handlers?.keys() ?? [])].flatMap((path: unknown) => {
    if (typeof path !== 'string' || !/^\/[^/]+\/[^/]+$/.test(path))
      return [`"handlers" has ${shown(path)}: the path of a method is "/package.Service/Method"`];
    return servicePaths.has(path) ? [`"handlers" has "${path}", which is served what set, update and open say`] : [];
  });
}
