/** More joins than one machine can have made in a token's hour; who needs more makes a reusable credential. */
export const mostUses = 10_000;
