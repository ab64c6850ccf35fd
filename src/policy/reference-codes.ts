import { type CodePage, page } from './code-page.ts';

/** Codes of the checks between objects, and of reading the tree. */
export const referenceCodes = {
  WEFT0101: page('error', 'references', 'Refers to nothing'),
  WEFT0102: page('error', 'references', 'Name with a dot is not completed'),
  WEFT0109: page('error', 'references', 'Two VirtualServices for one host'),
  WEFT0112: page('error', 'references', 'Destination port is not clear'),
  WEFT0113: page('error', 'references', 'No such port'),
  WEFT0127: page('warning', 'references', 'Selector matches no workload'),
  WEFT0136: page('error', 'references', 'Rules meet no port'),
  WEFT0140: page('error', 'references', 'TCP port cannot be told apart'),
  WEFT0152: page('warning', 'references', 'Principal is nobody'),
  WEFT0153: page('warning', 'references', 'HTTP condition on a TCP port'),
  WEFT0154: page('warning', 'references', 'Identity used where plaintext is accepted'),
  WEFT0164: page('warning', 'references', 'Rule acts at the first byte of a TCP connection'),
  WEFT0173: page('error', 'references', 'Subset is not defined'),
  WEFT0174: page('warning', 'references', 'DestinationRule or HealthCheck matches no service'),
  WEFT0175: page('warning', 'references', 'Subset selects no workload'),
  WEFT0181: page('error', 'references', 'DestinationRules overlap'),
  WEFT0182: page('error', 'references', 'Two PeerAuthentications for one scope'),
  WEFT0184: page('error', 'references', 'One workload port, two protocols'),
  WEFT0205: page('warning', 'references', 'Service without workload'),
  WEFT0301: page('error', 'references', 'Client and server contradict each other in TLS'),
  WEFT0960: page('error', 'operation', 'Not a git repository'),
  WEFT0961: page('error', 'operation', 'Unknown revision'),
  WEFT0962: page('error', 'operation', 'No policy folder'),
} as const satisfies Readonly<Record<string, CodePage>>;
