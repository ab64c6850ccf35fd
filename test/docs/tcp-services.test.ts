import { describeExample } from './example-readme.ts';

describeExample('tcp-services', 'ENVOY_PATH', 'NET');
