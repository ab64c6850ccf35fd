import { describeExample } from './example-readme.ts';

describeExample('canary', 'ENVOY_PATH', 'NET');
