/** Flags of an Envoy that takes smaller regular expressions than all others: what makes it refuse is in the content, not on its machine. */
export const narrowEnvoy = [
  '--config-yaml',
  JSON.stringify({
    layered_runtime: { layers: [{ name: 'narrow', static_layer: { 're2.max_program_size.error_level': 10 } }] },
  }),
] as const;

/** An expression that is too large for it. */
export const tooLargeRegex = '/(reviews|ratings)/[0-9]+';

/** A ServiceEntry `ledger.internal` of namespace bank, port 80, with one endpoint at port 9080 of `address`. */
export function ledgerYaml(address: string): string {
  return `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ledger, namespace: bank }
spec:
  hosts: [ledger.internal]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports: [{ number: 80, name: http, protocol: HTTP }]
  endpoints: [{ address: ${address}, ports: { http: 9080 } }]
`;
}
