import { list, object, row, text } from '../shape-builders.ts';

/** What a policy of the Gateway API is attached to, by group, kind and name; another namespace is refused in Istio, too. */
export const targetRef = object(
  {
    group: text('api-group', { maxLength: 253, allowEmpty: true }),
    kind: text('api-kind', { maxLength: 63 }),
    name: text(undefined, { maxLength: 253 }),
  },
  { required: ['kind', 'name'] },
);

/** The fields beside a selector, of which one at most may be written. */
export const targets = {
  targetRef: row(targetRef, 'T2', 'a gateway of the Gateway API'),
  targetRefs: row(list(targetRef, { max: 16 }), 'T2', 'gateways of the Gateway API'),
};
export const oneTarget = ['selector', 'targetRef', 'targetRefs'] as const;
