import type { FastifyInstance } from 'fastify';
import { type RotationStatus, type RotationStep, rotationSteps } from '../model/rotation-status.ts';
import type { AdminSource } from './admin-source.ts';
import { actorOf } from './asking-person.ts';
import { envelope } from './envelope.ts';

const noQuery = { type: 'object', additionalProperties: false, properties: { pretty: { type: 'string' } } } as const;

/** Either a step, or the word that a root is compromised. */
const rotationBody = {
  type: 'object',
  additionalProperties: false,
  properties: {
    step: { type: 'string', enum: rotationSteps },
    compromised: { type: 'boolean', const: true },
    fingerprint: { type: 'string', pattern: '^[0-9a-f]{64}$' },
  },
  oneOf: [{ required: ['step'], not: { required: ['fingerprint'] } }, { required: ['compromised'] }],
} as const;

interface RotationBody {
  readonly step?: RotationStep;
  readonly fingerprint?: string;
}

/** The change of root (F9, F10): how far it is, and its steps. Throws Failure WEFT0306 for a step that may not be taken now. */
export function addRotationRoutes(app: FastifyInstance, { rotation }: AdminSource): void {
  const path = '/api/v1/certificates/rotation';
  const answer = (status: RotationStatus) => envelope('Rotation', status);
  app.get(path, { schema: { querystring: noQuery } }, () => answer(rotation.status()));
  app.post<{ Body: RotationBody }>(path, { schema: { querystring: noQuery, body: rotationBody } }, async (request) => {
    const { step, fingerprint } = request.body;
    const by = actorOf(request);
    return answer(await (step === undefined ? rotation.distrust(fingerprint, by) : rotation.step(step, by)));
  });
}
