import { describeExample } from './example-readme.ts';

describeExample('zero-trust', 'ENVOY_PATH', 'NET');
