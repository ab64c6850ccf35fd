import { atTheEdge } from '../foreign-kinds.ts';
import { networking, refusedKind } from '../kind-definition.ts';
import { anyText, labels, list, object, port, row, someOf, text } from '../shape-builders.ts';
import { serverTls } from './server-tls.ts';

const server = object(
  {
    port: object(
      // `targetPort` is deprecated, and `defaultEndpoint` does nothing in Istio either.
      { number: port, protocol: text(), name: text(), targetPort: port },
      { required: ['number', 'protocol', 'name'] },
    ),
    bind: anyText,
    hosts: someOf(text()),
    tls: serverTls,
    name: anyText,
    defaultEndpoint: anyText,
  },
  { required: ['port', 'hosts'] },
);

/** Gateway (section 3.3), refused as a whole for now. */
export const gateway = refusedKind(
  'Gateway',
  networking,
  'T1',
  object({
    selector: row(labels, 'T1', 'which proxies act as gateway'),
    servers: row(list(server), 'T1', 'listeners, filter chains and downstream TLS'),
  }),
  { hint: atTheEdge },
);
