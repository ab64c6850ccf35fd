import fc from 'fast-check';
import { test } from 'vitest';
import { anyCommand, anyInterest, History } from './xds-history.ts';
import { anyIntent } from './xds-mesh.ts';
import {
  checkAnswers,
  checkConvergence,
  checkEndpoints,
  checkMemory,
  checkOtherInstance,
  checkSameView,
  settle,
} from './xds-rest.ts';

const isLong = process.env.WEFT_LONG === '1';
const seed = process.env.WEFT_SEED;
const numRuns = Number(process.env.WEFT_HISTORIES ?? (isLong ? 50_000 : 1_000));

const variants = {
  'delta, aggregated': ['delta', true],
  'delta, a stream for each type': ['delta', false],
  'SotW, aggregated': ['sotw', true],
  'SotW, a stream for each type': ['sotw', false],
} as const;

test(
  'INV1 to INV12 hold for any history, in all four variants and on two instances',
  () => {
    fc.assert(
      fc.property(
        anyIntent,
        anyInterest,
        fc.array(anyCommand, { maxLength: 60 }),
        fc.nat(15),
        (intent, interest, commands, whim) => {
          const history = new History(intent, interest, Object.values(variants));
          for (const command of commands) history.run(command);
          history.each((model) => {
            settle(model, whim);
            checkConvergence(model);
            checkAnswers(model);
            checkEndpoints(model);
            checkMemory(model);
          });
          history.release();
          history.each((model) => {
            settle(model, whim);
            checkConvergence(model);
            checkMemory(model);
          });
          checkSameView(history.models);
          history.each(checkOtherInstance);
          checkSameView(history.models);
        },
      ),
      { numRuns, ...(seed === undefined ? {} : { seed: Number(seed) }) },
    );
  },
  isLong ? 3_600_000 : 120_000,
);
