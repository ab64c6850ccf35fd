/** A DestinationRule of namespace shop for one host; `spec` is what follows the host. */
export function ruleYaml(host: string, spec: string): string {
  return `---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ${host}, namespace: shop }
spec: { host: ${host}, ${spec} }
`;
}

/** A DestinationRule that says how calls of a host are balanced. */
export function balancedYaml(host: string, loadBalancer: string): string {
  return ruleYaml(host, `trafficPolicy: { loadBalancer: ${loadBalancer} }`);
}

/** A VirtualService of namespace shop with one http rule. */
export function routeYaml(host: string, http: string): string {
  return `---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${host}, namespace: shop }
spec: { hosts: [${host}], http: [${http}] }
`;
}

/** A WorkloadEntry of namespace shop: a program without a sidecar. */
export function entryYaml(name: string, app: string, address: string, labels = '', spec = ''): string {
  return `---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: ${name}, namespace: shop, labels: { app: ${app}${labels} } }
spec: { address: ${address}${spec} }
`;
}
