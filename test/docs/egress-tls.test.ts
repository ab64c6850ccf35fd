import { describeExample } from './example-readme.ts';

describeExample('egress-tls', 'ENVOY_PATH', 'NET');
