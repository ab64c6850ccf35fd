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
  churn,
  settle,
} from './xds-rest.ts';
import type { ClientKind } from './xds-serving.ts';

const isLong = process.env.WEFT_LONG === '1';
/** The short form tells what a change broke, so its histories stay the same; the long form looks for new ones. */
const seed = process.env.WEFT_SEED ?? (isLong ? undefined : '2');
/** The `path` of a failure, with its seed: only that history. */
const path = process.env.WEFT_PATH;
/** Without a search for the smallest history: for mutants. */
const endOnFailure = process.env.WEFT_SHRINK === '0';
const numRuns = Number(process.env.WEFT_HISTORIES ?? (isLong ? 50_000 : 1_000));

/** The four variants, and a second client of the main one: streams of equal state share their steps. */
const clients: readonly ClientKind[] = [
  { variant: 'delta', aggregated: true, isLazy: false },
  { variant: 'delta', aggregated: true, isLazy: true },
  { variant: 'delta', aggregated: false, isLazy: false },
  { variant: 'sotw', aggregated: true, isLazy: false },
  { variant: 'sotw', aggregated: false, isLazy: false },
];

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
          const history = new History(intent, interest, clients);
          for (const command of commands) history.run(command);
          if (intent.timed !== 0) churn(history, whim);
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
      {
        numRuns,
        endOnFailure,
        includeErrorInReport: true,
        ...(seed === undefined ? {} : { seed: Number(seed) }),
        ...(path === undefined ? {} : { path }),
      },
    );
  },
  isLong ? 3_600_000 : 120_000,
);
