/*
 * What other systems have a kind for, and who has it here. Of kinds that are nobody's nothing is known: their names are compared with those
 * that are read.
 */

const program = 'remove it: Weft starts no programs; weft run joins one, a WorkloadEntry names one that does not join';
/** Of what leads calls in from outside. */
export const atTheEdge =
  'remove it: a program at the edge that joins by weft run calls services as any other does, by VirtualServices without gateways';
const address = 'write a WorkloadEntry for each address, and a Service that selects them';

/** By `<group>/<kind>`, in whatever version; the core group has no name. */
const instead: ReadonlyMap<string, string> = new Map([
  ['gateway.networking.k8s.io/Gateway', atTheEdge],
  ['gateway.networking.k8s.io/GatewayClass', atTheEdge],
  ['gateway.networking.k8s.io/ListenerSet', atTheEdge],
  ['networking.k8s.io/Ingress', atTheEdge],
  ['networking.k8s.io/IngressClass', atTheEdge],
  ['extensions/Ingress', atTheEdge],
  ['gateway.networking.k8s.io/ReferenceGrant', 'remove it: exportTo says who may know a service or a rule'],
  ['gateway.networking.k8s.io/BackendTLSPolicy', 'write trafficPolicy.tls of a DestinationRule'],
  ['gateway.networking.k8s.io/UDPRoute', 'remove it: UDP is left to the program'],
  ['networking.k8s.io/NetworkPolicy', 'write who may call as an AuthorizationPolicy'],
  ['install.istio.io/IstioOperator', 'write its spec.meshConfig as meshconfig.yaml, and remove it'],
  ['/ConfigMap', 'remove it; the mesh configuration of Istio is meshconfig.yaml here'],
  ['/Secret', 'remove it: secrets are no policies, and stand in the folder secrets.directory of weft.yaml'],
  [
    '/ServiceAccount',
    'remove it: an account is what a token (weft token create --service-account) or a WorkloadEntry says',
  ],
  ['/Endpoints', address],
  ['discovery.k8s.io/EndpointSlice', address],
  ['/Pod', program],
  ['apps/Deployment', program],
  ['apps/StatefulSet', program],
  ['apps/DaemonSet', program],
  ['apps/ReplicaSet', program],
  ['batch/Job', program],
  ['batch/CronJob', program],
  ['autoscaling/HorizontalPodAutoscaler', program],
  ['policy/PodDisruptionBudget', program],
  ['apiextensions.k8s.io/CustomResourceDefinition', 'remove it: kinds need not be declared'],
]);

/** What to do about a kind of somebody else, where it has a counterpart or none is needed. */
export function insteadOf(apiVersion: string, kind: string): string | undefined {
  const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
  return instead.get(`${group}/${kind}`);
}
