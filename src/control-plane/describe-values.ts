import type { DescribedKind, Description } from '../model/description.ts';
import { Failure } from '../model/failure.ts';
import { nearestName } from '../model/nearest-name.ts';
import { refText } from '../model/provenance.ts';
import type { Describable } from './describable.ts';
import { describePolicy } from './describe-policy.ts';
import { describeService } from './describe-service.ts';
import { describeWorkload } from './describe-workload.ts';

/**
 * All that is known of one service, workload or policy, each value with where it comes from. `asked`: `reviews`, `reviews.shop`, a host, or
 * of policies `VirtualService/shop/reviews`; `namespace` decides between equal names. Throws Failure WEFT0920 with the nearest name.
 */
export function describe(
  known: Describable,
  kind: DescribedKind,
  asked: string,
  namespace: string | undefined,
): Description {
  const { mesh, proxyOf } = known;
  switch (kind) {
    case 'service': {
      const named = mesh.services.map((service) => {
        const { name, host } = service;
        return { one: service, names: [name, `${name}.${service.namespace}`, host], namespace: service.namespace };
      });
      return describeService(known, choose(kind, named, asked, namespace));
    }
    case 'workload': {
      const name = asked.replace(/^(?:workload|proxy)\//, '');
      const named = [...mesh.workloads.values()].map((one) => {
        return { one, names: [one.name, one.id], namespace: one.namespace };
      });
      const found = named.find(({ names }) => names.includes(name))?.one;
      // Files may describe a proxy that nobody runs yet.
      const proxy = proxyOf(name) ?? proxyOf(`${name}.${namespace}`);
      if (found === undefined && proxy !== undefined) return describeWorkload(known, undefined, proxy);
      const workload = choose(kind, named, name, namespace);
      return describeWorkload(known, workload, proxyOf(workload.id));
    }
    case 'policy': {
      const named = mesh.policies.objects.map((one) => {
        const { kind: ofKind, name } = one;
        const names = [
          refText(one),
          `${ofKind}/${name}`,
          `${ofKind}/${name}.${one.namespace}`,
          `${name}.${one.namespace}`,
          name,
        ];
        return { one, names, namespace: one.namespace };
      });
      return describePolicy(known, choose(kind, named, asked, namespace));
    }
    default:
      return kind satisfies never;
  }
}

interface Named<T> {
  readonly one: T;
  /** What it may be called. */
  readonly names: readonly string[];
  readonly namespace: string;
}

function choose<T>(kind: DescribedKind, all: readonly Named<T>[], asked: string, namespace: string | undefined): T {
  const name = asked.replace(new RegExp(`^${kind}/`, 'i'), '');
  const found = all.filter(({ names }) => names.includes(name));
  const near = found.filter((each) => namespace === undefined || each.namespace === namespace);
  // A name that says its namespace itself needs no other.
  const exact = found.filter(({ names }) => fullName(names) === name);
  const chosen = exact.length === 1 ? exact : near;
  const [first, second] = chosen;
  if (first === undefined) throw unknown(kind, name, namespace, all);
  if (second === undefined) return first.one;
  const full = chosen.map(({ names }) => fullName(names));
  throw new Failure('WEFT0920', `"${name}" may be ${full.join(' or ')}`, `write ${full[0]}`);
}

function unknown(
  kind: DescribedKind,
  name: string,
  namespace: string | undefined,
  all: readonly Named<unknown>[],
): Failure {
  const candidates = all.flatMap(({ names }) => names);
  const meant = nearestName(name, candidates);
  const list = `weft get ${kind === 'policy' ? 'policies' : `${kind}s`} lists them`;
  const where = namespace === undefined ? '' : ` in ${namespace}`;
  return new Failure(
    'WEFT0920',
    `there is no ${kind} "${name}"${where}`,
    meant === undefined ? list : `did you mean "${meant}"?`,
  );
}

/** The name that is nobody else's: with its kind and namespace where it has them. */
function fullName(names: readonly string[]): string {
  return (
    names.find((name) => name.split('/').length === 3) ?? names.find((name) => name.includes('.')) ?? names[0] ?? ''
  );
}
