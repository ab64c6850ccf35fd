import { describeExample } from './example-readme.ts';

describeExample('grpc-websocket', 'ENVOY_PATH', 'NET');
