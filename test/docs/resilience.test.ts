import { describeExample } from './example-readme.ts';

describeExample('resilience', 'ENVOY_PATH', 'NET');
