import type { LowerContext } from '../kind-definition.ts';

/** P10: `mesh` is served and no other name. `what` is of these gateways alone unless `mesh` stands beside them: without a name it would act on the mesh. */
export function refuseGateways(gateways: readonly string[], path: string, what: string, context: LowerContext): void {
  const hint = gateways.includes('mesh')
    ? 'remove it'
    : `move ${what} out of this repository: without gateways it acts on the whole mesh`;
  gateways.forEach((gateway, index) => {
    if (gateway === 'mesh') return;
    const message = `${JSON.stringify(gateway)} is valid in Istio but not supported by Weft (T1)`;
    context.report('WEFT0004', `${path}[${index}]`, message, hint);
  });
}
