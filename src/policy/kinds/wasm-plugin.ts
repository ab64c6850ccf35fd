import { refusedKind } from '../kind-definition.ts';
import { anyText, anything, choice, integer, list, object, port, text } from '../shape-builders.ts';
import { matchLabels } from './common.ts';
import { oneTarget, targets } from './target-ref.ts';

const versions = ['extensions.istio.io/v1alpha1'];

const traffic = list(
  object({
    mode: choice(['UNDEFINED', 'CLIENT', 'SERVER', 'CLIENT_AND_SERVER']),
    ports: list(object({ number: port }, { required: ['number'] })),
  }),
);

const environment = list(
  object(
    {
      name: text(undefined, { maxLength: 256 }),
      value: text('free', { maxLength: 2048, allowEmpty: true }),
      valueFrom: choice(['INLINE', 'HOST']),
    },
    { required: ['name'] },
  ),
  { max: 256, unique: 'name' },
);

/** A program of WebAssembly and how it is fetched. */
const program = {
  url: text(),
  sha256: text('sha256', { allowEmpty: true }),
  imagePullPolicy: choice(['UNSPECIFIED_POLICY', 'IfNotPresent', 'Always']),
  imagePullSecret: text(undefined, { maxLength: 253 }),
  verificationKey: anyText,
  // What the program itself reads.
  pluginConfig: anything,
  pluginName: text(undefined, { maxLength: 256 }),
  failStrategy: choice(['FAIL_CLOSE', 'FAIL_OPEN', 'FAIL_RELOAD']),
  vmConfig: object({ env: environment }),
  type: choice(['UNSPECIFIED_PLUGIN_TYPE', 'HTTP', 'NETWORK']),
};
const priority = integer(-(2 ** 31), 2 ** 31 - 1);

const ownProgram =
  'who may call can be asked of an authorizer (AuthorizationPolicy with CUSTOM); remove it where nothing depends on what it checks or changes';

/** WasmPlugin, refused as a whole (section 1.1). */
export const wasmPlugin = refusedKind(
  'WasmPlugin',
  versions,
  'T2',
  object(
    {
      selector: matchLabels,
      ...targets,
      ...program,
      phase: choice(['UNSPECIFIED_PHASE', 'AUTHN', 'AUTHZ', 'STATS']),
      priority,
      match: traffic,
    },
    { required: ['url'], exclusive: [oneTarget] },
  ),
  { hint: ownProgram },
);

/** TrafficExtension, refused as a whole (section 1.1). */
export const trafficExtension = refusedKind(
  'TrafficExtension',
  versions,
  'T2',
  object(
    {
      selector: matchLabels,
      targetRefs: targets.targetRefs,
      phase: choice(['UNSPECIFIED', 'AUTHN', 'AUTHZ', 'STATS']),
      priority,
      match: traffic,
      wasm: object(program, { required: ['url'] }),
      lua: object({ inlineCode: text('free', { maxLength: 65_536 }) }, { required: ['inlineCode'] }),
    },
    { exclusive: [['selector', 'targetRefs']], oneOf: [['wasm', 'lua']] },
  ),
  { hint: ownProgram },
);
