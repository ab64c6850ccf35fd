import { describeExample } from './example-readme.ts';

describeExample('xds-server', 'ENVOY');
