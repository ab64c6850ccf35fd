import { describeExample } from './example-readme.ts';

describeExample('shop', 'ENVOY_PATH');
