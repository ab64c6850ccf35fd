import type { PolicyTexts } from './widening-commits.ts';

/** Another service, which says nothing of who may call. */
export const extra = JSON.stringify({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'extra' },
  spec: { selector: { app: 'extra' }, ports: [{ name: 'http', port: 80 }] },
});

/** The same with a mark on the first object of a namespace, the called one's unless another is named. */
export function marked(texts: PolicyTexts, reason: string, namespace = 'shop'): PolicyTexts {
  const path = `${namespace}/all.yaml`;
  const [first = '{}', ...others] = (texts[path] ?? extra).split('\n---\n');
  const object = JSON.parse(first) as { readonly metadata: object };
  const metadata = { ...object.metadata, annotations: { 'weft.dev/widens': reason } };
  return { ...texts, [path]: [JSON.stringify({ ...object, metadata }), ...others].join('\n---\n') };
}
