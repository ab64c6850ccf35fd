import { type SpiffeId, spiffeId } from '../../src/model/identity.ts';
import type {
  ProxyStatus,
  Rejection,
  RevisionStatus,
  TypeStatus,
  WithheldResource,
  XdsType,
} from '../../src/model/status.ts';
import { xdsTypes } from '../../src/model/status.ts';
import { settings } from './registry-values.ts';

export const identityOf = (serviceAccount: string): SpiffeId =>
  spiffeId({ trustDomain: settings.trustDomain, namespace: 'shop', serviceAccount });

export const revision: RevisionStatus = {
  commit: '4f1c2ab',
  author: 'ana',
  subject: 'reviews: canary to 10%',
  time: '2026-11-22T08:09:00.000Z',
  state: 'Applied',
  errors: 0,
  warnings: 0,
};

export function proxyStatus(name: string, serviceName: string, over: Partial<ProxyStatus> = {}): ProxyStatus {
  const type: TypeStatus = { status: 'SYNCED', version: 'b3f1', nonce: 'n1', resources: 2 };
  return {
    name,
    namespace: 'shop',
    service: serviceName,
    labels: { app: serviceName, version: 'v1' },
    identity: identityOf(serviceName),
    envoyVersion: '1.40.0',
    replica: 'cp-1',
    address: '127.0.0.1',
    connectedSince: '2026-11-22T05:00:00.000Z',
    status: 'SYNCED',
    revision: { serving: '4f1c2ab', wanted: '4f1c2ab' },
    ackMilliseconds: 41,
    types: Object.fromEntries(xdsTypes.map((name) => [name, type])) as Record<XdsType, TypeStatus>,
    ...over,
  };
}

/** reviews-2 of the sample in section 2.3 of experience.md: it refused a listener. */
export function rejectedProxy(): ProxyStatus {
  const base = proxyStatus('reviews-2', 'reviews');
  const error = {
    at: '2026-11-22T08:11:04.000Z',
    message: 'filter chain match rules are duplicated',
    resources: ['in_9080'],
    source: {
      ref: 'RequestAuthentication/shop/reviews-jwt',
      file: 'policies/reviews-jwt.yaml',
      line: 9,
      column: 3,
      commit: '4f1c2ab',
      committedAt: '2026-11-22T08:09:00.000Z',
    },
  };
  const { ackMilliseconds: _none, ...rest } = base;
  return {
    ...rest,
    labels: { app: 'reviews', version: 'v2' },
    status: 'REJECTED',
    revision: { serving: '9ad03e1', wanted: '4f1c2ab' },
    types: { ...base.types, LDS: { ...base.types.LDS, status: 'REJECTED', error, withheld: withheld(error) } },
  };
}

function withheld({ at, message, resources, source }: Rejection): readonly WithheldResource[] {
  return resources.map((resource) => ({
    resource,
    version: 'b3f1',
    served: '77ac',
    refusedBy: 'reviews-2.shop',
    at,
    message,
    ...(source === undefined ? {} : { source }),
  }));
}

/** An equal of reviews-2, which came later and refused nothing. */
export function withheldProxy(name: string): ProxyStatus {
  const { LDS } = rejectedProxy().types;
  const base = proxyStatus(name, 'reviews');
  const error = LDS.error && { ...LDS.error, refusedBy: 'reviews-2.shop' };
  const types = { ...base.types, LDS: { ...LDS, ...(error === undefined ? {} : { error }) } };
  return { ...base, status: 'REJECTED', revision: { serving: '', wanted: '4f1c2ab' }, types };
}
