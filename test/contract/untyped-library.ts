import * as library from '../../src/xds/library.ts';

/** What somebody writes who has no types. */
const untyped = library as unknown as Readonly<Record<string, (...given: readonly unknown[]) => unknown>>;
export const call = (name: string, ...given: readonly unknown[]): unknown => untyped[name]?.(...given);
/** What it throws, or is rejected with. */
export const refusal = async (run: () => unknown): Promise<string> => {
  try {
    await run();
    return 'nothing';
  } catch (error) {
    return String(error);
  }
};
