import type { Verb } from './verb.ts';
import { authzVerb } from './verbs/authz.ts';
import { bootstrapVerb } from './verbs/bootstrap.ts';
import { certInspectVerb, certListVerb, certRotateVerb } from './verbs/cert.ts';
import { checkVerb } from './verbs/check.ts';
import { demoVerb } from './verbs/demo.ts';
import { describeVerb } from './verbs/describe.ts';
import { edgesVerb } from './verbs/edges.ts';
import { envVerb } from './verbs/env.ts';
import { getVerb } from './verbs/get.ts';
import { initVerb } from './verbs/init.ts';
import { nacksVerb } from './verbs/nacks.ts';
import { proxiesVerb } from './verbs/proxies.ts';
import { proxyConfigVerb } from './verbs/proxy-config.ts';
import { routeVerb } from './verbs/route.ts';
import { runVerb } from './verbs/run.ts';
import { schemaVerb } from './verbs/schema.ts';
import { serverVerb } from './verbs/server.ts';
import { statusVerb } from './verbs/status.ts';
import { tokenCreateVerb, tokenListVerb, tokenRevokeVerb } from './verbs/token.ts';
import { translateVerb } from './verbs/translate.ts';
import { upVerb } from './verbs/up.ts';
import { validateVerb } from './verbs/validate.ts';

/** Every verb, in the order of the help. */
export const verbs: readonly Verb[] = [
  demoVerb,
  initVerb,
  upVerb,
  serverVerb,
  runVerb,
  bootstrapVerb,
  validateVerb,
  translateVerb,
  schemaVerb,
  statusVerb,
  proxiesVerb,
  nacksVerb,
  proxyConfigVerb,
  routeVerb,
  authzVerb,
  checkVerb,
  edgesVerb,
  getVerb,
  describeVerb,
  envVerb,
  certListVerb,
  certInspectVerb,
  certRotateVerb,
  tokenCreateVerb,
  tokenListVerb,
  tokenRevokeVerb,
];
