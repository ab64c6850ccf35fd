import { refusedKind } from '../kind-definition.ts';
import { anyText, integer, map, object, text } from '../shape-builders.ts';
import { matchLabels } from './common.ts';

/** ProxyConfig (section 3.5), refused as a whole for now. */
export const proxyConfig = refusedKind(
  'ProxyConfig',
  ['networking.istio.io/v1beta1'],
  'T2',
  object({
    selector: matchLabels,
    concurrency: integer(0, 2 ** 31 - 1),
    environmentVariables: map('any', text('free', { maxLength: 2048, allowEmpty: true })),
    image: object({ imageType: anyText }),
  }),
  { hint: 'remove it: weft run has --concurrency, and --envoy for another program' },
);
