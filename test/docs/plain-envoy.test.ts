import { describeExample } from './example-readme.ts';

describeExample('plain-envoy', 'ENVOY');
