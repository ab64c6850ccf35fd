import { resolve } from 'node:path';
import { defineConfig } from 'vitest/config';

/** The long forms of promises, one after another: they measure, and would disturb each other. */
export default defineConfig({
  test: {
    root: resolve(import.meta.dirname, '../..'),
    include: ['test/promises/**/*.promise.ts'],
    fileParallelism: false,
    testTimeout: 1_800_000,
    hookTimeout: 120_000,
  },
});
