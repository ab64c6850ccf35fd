import { nearestName } from '../../model/nearest-name.ts';
import { destinationOfCluster } from '../../translate/names.ts';
import { routesOf } from '../../xds/virtual-hosts.ts';
import type { DumpedResource } from './config-dump.ts';
import { everywhere, field, items, type Json, textOf } from './dump-value.ts';

/** What is asked for with --fqdn and -n: `reviews`, `reviews.shop`, `reviews.shop.svc`, a whole name, `api.example.com`. */
export interface AskedHost {
  readonly text: string;
  readonly namespace: string | undefined;
}

/** Whether a resource is about the host: it is called after it, serves it, or has its name in it. */
export function isAbout({ name, resource }: DumpedResource, asked: AskedHost): boolean {
  const known = hostsOf(name, resource);
  if (known.some((host) => isSame(host, asked))) return true;
  return asked.text.includes('.') && whole(asked.text).test(`${name} ${JSON.stringify(resource)}`);
}

/** A route configuration of many hosts with the virtual hosts alone that serve this one; any other resource as it is. */
export function onlyAbout({ name, resource }: DumpedResource, asked: AskedHost): Json {
  const hosts = items(field(resource, 'virtual_hosts'));
  if (hosts.length === 0 || typeof resource !== 'object' || destinationOfCluster(name) !== undefined) return resource;
  const key = resource !== null && 'virtual_hosts' in resource ? 'virtual_hosts' : 'virtualHosts';
  return { ...resource, [key]: hosts.filter((host) => domainsOf(host).some((domain) => isSame(domain, asked))) };
}

/** What is said where nothing is about the host; `resources`: all that there are. */
export function nothingAbout(what: string, asked: AskedHost, resources: readonly DumpedResource[]): string {
  const hosts = new Set(resources.flatMap(({ name, resource }) => hostsOf(name, resource)).map(shortest));
  const meant = nearestName(shortest(lower(asked.text)), hosts) ?? nearestName(asked.text, [...hosts].map(firstLabel));
  const where = asked.namespace === undefined || asked.text.includes('.') ? '' : ` in ${asked.namespace}`;
  const shown = [...hosts].sort().slice(0, 5);
  const more = hosts.size > shown.length ? ', …' : '';
  const there = hosts.size === 0 ? 'none is about a host' : `there is ${shown.join(', ')}${more}`;
  return `no ${what} of "${asked.text}"${where}: ${meant === undefined ? there : `did you mean "${meant}"?`}`;
}

/** The hosts that a resource is called after, or serves. */
function hostsOf(name: string, resource: Json): readonly string[] {
  const called = destinationOfCluster(name.slice(routesOf(name).length).replace(/^\//, ''));
  const own =
    called === undefined
      ? []
      : [called.service.includes('.') ? called.service : `${called.service}.${called.namespace}`];
  return [...own, ...everywhere(resource, 'virtual_hosts').flatMap(items).flatMap(domainsOf)];
}

/** Without ports; `*` and addresses are no names, and a name of one label is another one's short form. */
function domainsOf(virtualHost: Json): readonly string[] {
  const all = items(field(virtualHost, 'domains')).map((domain) => textOf(domain).replace(/:\d+$/, ''));
  const names = [...new Set(all)].filter((domain) => /[a-z]/i.test(domain) && !domain.startsWith('['));
  const long = names.filter((name) => name.includes('.'));
  return long.length > 0 ? long : names;
}

function isSame(host: string, { text, namespace }: AskedHost): boolean {
  const [known, wanted] = [shortest(lower(host)), shortest(lower(text))];
  if (known === wanted || (known.startsWith('*.') && wanted.endsWith(known.slice(1)))) return true;
  const [name, where, ...rest] = known.split('.');
  return rest.length === 0 && name === wanted && (namespace === undefined || where === namespace);
}

/** `reviews.shop` for each name that the service has; other hosts as they are. */
function shortest(host: string): string {
  return /^([^.]+\.[^.]+)\.(svc(\..+)?|mesh)$/.exec(host)?.[1] ?? host;
}

function lower(text: string): string {
  return text.toLowerCase().replace(/\.$/, '');
}

function firstLabel(host: string): string {
  return host.split('.')[0] ?? host;
}

/** The text as a name, or the beginning of one, but not as the end of a longer label. */
function whole(text: string): RegExp {
  return new RegExp(`(^|[^a-z0-9.-])${lower(text).replace(/[^a-z0-9]/g, '\\$&')}($|[^a-z0-9-])`, 'i');
}
