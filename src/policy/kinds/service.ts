import type { ServiceObject } from '../../model/policy.ts';
import { supportedKind } from '../kind-definition.ts';
import { choice, labels, object, port, portOrName, refusedFields, row, someOf, text } from '../shape-builders.ts';
import { checkLabelName, refuseRepeats } from './common.ts';
import { annotatedExportTo } from './service-export.ts';
import { lowerPort } from './service-ports.ts';

const servicePort = object(
  {
    name: text('label'),
    port,
    targetPort: portOrName,
    protocol: text(),
    appProtocol: text(),
    ...refusedFields('never', ['nodePort']),
  },
  { required: ['port'] },
);

const shape = object(
  {
    selector: row(labels, 'T0', 'endpoints: workloads with these labels'),
    ports: row(someOf(servicePort), 'T0', 'a cluster each, protocol by P28'),
    type: choice(['ClusterIP'], { refused: { ExternalName: 'T2', NodePort: 'never', LoadBalancer: 'never' } }),
    ...refusedFields('T1', ['clusterIP', 'clusterIPs']),
    ...refusedFields('T2', ['externalName', 'publishNotReadyAddresses', 'trafficDistribution']),
    ...refusedFields('never', [
      'externalIPs',
      'sessionAffinity',
      'sessionAffinityConfig',
      'loadBalancerIP',
      'loadBalancerClass',
      'loadBalancerSourceRanges',
      'externalTrafficPolicy',
      'internalTrafficPolicy',
      'healthCheckNodePort',
      'allocateLoadBalancerNodePorts',
      'ipFamilies',
      'ipFamilyPolicy',
    ]),
  },
  { required: ['ports'] },
);

/** `v1/Service` (section 2 of policy-surface.md): selector and ports. */
export const service = supportedKind<typeof shape, ServiceObject>({
  kind: 'Service',
  apiVersions: ['v1'],
  spec: shape,
  lower(spec, context) {
    checkLabelName(context);
    const ports = spec.ports.map((written, index) => {
      const field = `spec.ports[${index}]`;
      const transport = written.protocol ?? 'TCP';
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
      if (spec.ports.length > 1 && written.name === undefined) {
        context.report(
          'WEFT0002',
          field,
          'expected "name", which is required where there are several ports',
          'add name',
        );
      }
      return lowerPort(
        { name: written.name, number: written.port, targetPort: written.targetPort, stated },
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
    return { selector: spec.selector ?? {}, ports, exportTo: annotatedExportTo(context) };
  },
});
