import type { View } from '../model/ir.ts';
import type { Destination, DestinationRef } from '../model/ir-destination.ts';
import type { Decided } from '../model/provenance.ts';
import type { CallDecision } from '../resolve/route-decision.ts';
import { clusterName } from '../translate/names.ts';

type Decisions = Readonly<Record<string, Decided<unknown>>>;

/** What is decided for a call besides where it goes, by the names of the IR; only what applies to it. */
export function callDecisions(
  view: View,
  decision: Extract<CallDecision, { kind: 'request' | 'connection' }>,
): Decisions {
  if (decision.kind === 'connection') return present({ ...decision.route.terms });
  const { route } = decision;
  if (route === undefined) return {};
  const { action, headers, fault, cors, statName } = route;
  const ofRule = { headers, fault, cors, statName };
  switch (action.kind) {
    case 'redirect':
      return present({ redirect: action.redirect, ...ofRule });
    case 'respond':
      return present({ respond: action.respond, ...ofRule });
    case 'forward': {
      const { timeout, retries, rewrite, mirrors } = action;
      const each = mirrors.map(({ value, by }, index) => {
        const copied = { cluster: clusterName(value.destination), percentage: value.percentage };
        return [index === 0 ? 'mirror' : `mirror ${index + 1}`, { value: copied, by }] as const;
      });
      const [first, another] = action.destinations;
      // With several destinations each has its own.
      const only = another === undefined ? first : undefined;
      return present({
        timeout,
        retries,
        rewrite,
        ...Object.fromEntries(each),
        ...ofRule,
        ...(only?.headers && { 'headers of the destination': only.headers }),
        ...(only === undefined ? {} : balancing(destinationOf(view, only.destination))),
      });
    }
    default:
      return action satisfies never;
  }
}

/** How one of the endpoints is chosen. */
function balancing(destination: Destination | undefined): Partial<Decisions> {
  const { loadBalancer, hash } = destination ?? {};
  return { ...(loadBalancer && { loadBalancer }), ...(hash && { hash }) };
}

/** What is decided for a destination that a rule names; undefined: there is none. */
export function destinationOf(view: View, ref: DestinationRef): Destination | undefined {
  return view.services
    .find(({ service }) => service === ref.service)
    ?.ports.find(({ port }) => port === ref.port)
    ?.destinations.find((each) => each.ref.subset === ref.subset);
}

function present(all: Readonly<Record<string, Decided<unknown> | undefined>>): Decisions {
  return Object.fromEntries(Object.entries(all).flatMap(([name, one]) => (one === undefined ? [] : [[name, one]])));
}
