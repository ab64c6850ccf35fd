import { isIP } from 'node:net';
import type { ServiceObject } from '../../model/policy.ts';
import { type LowerContext, supportedKind } from '../kind-definition.ts';
import type { Infer } from '../shape.ts';
import {
  anyText,
  anything,
  choice,
  labels,
  list,
  object,
  port,
  portOrName,
  refused,
  refusedFields,
  row,
  text,
} from '../shape-builders.ts';
import { checkLabelName, refuseRepeats } from './common.ts';
import { annotatedExportTo } from './service-export.ts';
import { lowerPort } from './service-ports.ts';

const servicePort = object(
  {
    name: text('label', { allowEmpty: true }),
    port,
    targetPort: portOrName,
    protocol: text(undefined, { allowEmpty: true }),
    appProtocol: text(),
    ...refusedFields('never', ['nodePort']),
  },
  { required: ['port'] },
);

/** Without it the Service would be one of the mesh that nobody serves. */
const aliased = 'write a ServiceEntry with that host, and resolution: DNS';

const shape = object({
  selector: row(labels, 'T0', 'endpoints: workloads with these labels'),
  ports: row(list(servicePort), 'T0', 'a cluster each, protocol by P28'),
  type: choice(['ClusterIP'], {
    refused: { ExternalName: 'T2', NodePort: 'never', LoadBalancer: 'never' },
    hints: { ExternalName: aliased },
    conditions: ['ExternalName'],
  }),
  clusterIP: row(anyText, 'T1', 'address in the domains; None: headless, without one'),
  clusterIPs: row(list(text(), { max: 2 }), 'T1', 'the same, of both families'),
  externalName: refused('T2', anything, { hint: aliased, isCondition: true }),
  ...refusedFields('T2', ['publishNotReadyAddresses', 'trafficDistribution']),
  // What Kubernetes writes by itself into what somebody pastes here.
  sessionAffinity: row(
    choice(['None'], {
      refused: { ClientIP: 'never' },
      hints: { ClientIP: 'write None; a DestinationRule with consistentHash.useSourceIp does that' },
    }),
    'T1',
    'none: a balancer of a DestinationRule says more',
  ),
  internalTrafficPolicy: row(choice(['Cluster'], { refused: { Local: 'never' } }), 'T1', 'all endpoints'),
  ipFamilies: row(list(choice(['IPv4', 'IPv6']), { max: 2 }), 'T1', 'nothing: endpoints have addresses'),
  ipFamilyPolicy: row(
    choice(['SingleStack', 'PreferDualStack', 'RequireDualStack']),
    'T1',
    'nothing: endpoints have addresses',
  ),
  ...refusedFields('never', [
    'externalIPs',
    'sessionAffinityConfig',
    'loadBalancerIP',
    'loadBalancerClass',
    'externalTrafficPolicy',
    'healthCheckNodePort',
    'allocateLoadBalancerNodePorts',
  ]),
  loadBalancerSourceRanges: refused('never', anything, {
    hint: 'remove it; who may call is said by an AuthorizationPolicy (ipBlocks)',
  }),
});

/** `v1/Service` (section 2 of policy-surface.md): selector and ports. */
export const service = supportedKind<typeof shape, ServiceObject>({
  kind: 'Service',
  apiVersions: ['v1'],
  spec: shape,
  lower(spec, context) {
    checkLabelName(context);
    const all = spec.ports ?? [];
    // Without an address of its own it may be names alone.
    if (all.length === 0 && spec.clusterIP !== 'None') {
      context.report(
        'WEFT0002',
        spec.ports ? 'spec.ports' : 'spec',
        'expected "ports", which is required',
        'add ports: [{name: http, port: 80}]',
      );
    }
    const ports = all.map((written, index) => {
      const field = `spec.ports[${index}]`;
      const transport = written.protocol || 'TCP';
      if (transport !== 'TCP') {
        context.report(
          'WEFT0119',
          `${field}.protocol`,
          `protocol ${JSON.stringify(transport)} is not supported`,
          'the transport is TCP; what it carries stands in appProtocol',
        );
      }
      const stated =
        written.appProtocol === undefined ? undefined : { word: written.appProtocol, field: `${field}.appProtocol` };
      if (all.length > 1 && !written.name) {
        context.report(
          'WEFT0002',
          field,
          'expected "name", which is required where there are several ports',
          'add name, such as http or tcp-db',
        );
      }
      return lowerPort(
        { name: written.name || undefined, number: written.port, targetPort: written.targetPort || undefined, stated },
        field,
        context,
      );
    });
    refuseRepeats(
      context,
      ports.map(({ port: number }, index) => [`spec.ports[${index}].port`, number]),
      'port',
    );
    refuseRepeats(
      context,
      ports.flatMap(({ name }, index) => (name === undefined ? [] : [[`spec.ports[${index}].name`, name] as const])),
      'port name',
    );
    const addresses = clusterAddresses(spec, context);
    return { selector: spec.selector ?? {}, ports, addresses, exportTo: annotatedExportTo(context) };
  },
});

/** The addresses that Kubernetes gave it; none where it is headless (`None`), or where nobody gave one yet. */
function clusterAddresses({ clusterIP = '', clusterIPs = [] }: Infer<typeof shape>, context: LowerContext): string[] {
  const written: (readonly [field: string, value: string])[] = clusterIPs.map((value, index) => [
    `spec.clusterIPs[${index}]`,
    value,
  ]);
  const [first] = clusterIPs;
  if (clusterIP !== '') {
    if (first === undefined || !isClusterAddress(clusterIP)) written.push(['spec.clusterIP', clusterIP]);
    else if (first !== clusterIP) {
      const message = `expected ${JSON.stringify(clusterIP)}, which clusterIP says, got ${JSON.stringify(first)}`;
      context.report(
        'WEFT0002',
        'spec.clusterIPs[0]',
        message,
        `write ${JSON.stringify(clusterIP)} first, or leave clusterIP out`,
      );
    }
  }
  for (const [field, value] of written) {
    const alone = value === 'None' && written.length > 1;
    if (isClusterAddress(value) && !alone) continue;
    const message = `expected an IP address${alone ? '' : ' or "None"'}, got ${JSON.stringify(value)}`;
    context.report(
      'WEFT0002',
      field,
      message,
      alone ? 'write "None" alone' : 'write an address such as 10.0.0.7, or remove it',
    );
  }
  return written.map(([, value]) => value).filter((value) => value !== 'None');
}

function isClusterAddress(value: string): boolean {
  return value === 'None' || (isIP(value) !== 0 && !value.includes('%'));
}
