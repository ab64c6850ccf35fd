/** Work that is due, each piece once, done a few at a time so that no burst keeps the event loop (X22). */
export interface TurnQueue {
  /** Marks a piece as due; it is done in a later turn, once, however often it was marked. */
  add(piece: () => void): void;
}

/** How much is done before other events have their turn. */
const piecesPerTurn = 32;

/** Creates a queue. The pieces must not throw. */
export function createTurnQueue(): TurnQueue {
  const due = new Set<() => void>();
  let scheduled = false;
  const turn = (): void => {
    scheduled = false;
    let left = piecesPerTurn;
    for (const piece of due) {
      if (left === 0) break;
      left -= 1;
      due.delete(piece);
      piece();
    }
    schedule();
  };
  const schedule = (): void => {
    if (scheduled || due.size === 0) return;
    scheduled = true;
    setImmediate(turn);
  };
  return {
    add(piece) {
      due.add(piece);
      schedule();
    },
  };
}
