import { describeExample } from './example-readme.ts';

describeExample('locality-failover', 'ENVOY_PATH', 'NET');
