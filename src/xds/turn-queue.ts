/** Work that is due, done for a few milliseconds at a time so that no burst keeps the event loop (X22). */
export interface TurnQueue {
  /** Marks a piece as urgent: what streams at rest are owed. It is done in a later turn, once, however often it was marked. */
  add(piece: () => void): void;
  /** The same for what can wait: everything that proxies cause that are only coming. Done when nothing urgent is left. */
  addPatient(piece: () => void): void;
}

/** How long a turn may last before other events have theirs, in milliseconds; a piece that was begun is finished. */
const budget = { urgent: 4, patient: 1 };

/** A patient piece waits no longer than this behind urgent ones, in milliseconds. */
const longestPatience = 50;

/** …and for so many pieces: more at once cost more each, since what they wrote and what comes back has left the caches by then. */
const mostPieces = { urgent: 16, patient: 4 };
/** The clock is looked at after so many: to a piece that writes what others have made it is a cost. */
const piecesPerLook = { urgent: 4, patient: 1 };

/** Where a queue has its time from. */
export interface TurnTimes {
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  /** Runs it once other events have had their turn. */
  readonly later: (turn: () => void) => void;
}

const nodeTimes: TurnTimes = { now: () => performance.now(), later: setImmediate };

/**
 * Creates a queue; its pieces must not throw. Urgent pieces go first, but a patient one is done at least every 50 ms, so that nobody
 * who comes is forgotten behind those who are there.
 */
export function createTurnQueue({ now, later }: TurnTimes = nodeTimes): TurnQueue {
  const urgent = new Set<() => void>();
  const patient = new Set<() => void>();
  let scheduled = false;
  let patientAt = now();
  const work = (due: Set<() => void>, until: number, kind: keyof typeof budget): void => {
    let left = mostPieces[kind];
    const perLook = piecesPerLook[kind];
    for (const piece of due) {
      due.delete(piece);
      piece();
      left -= 1;
      if (left === 0 || (left % perLook === 0 && now() >= until)) return;
    }
  };
  const turn = (): void => {
    scheduled = false;
    const began = now();
    work(urgent, began + budget.urgent, 'urgent');
    if (urgent.size === 0 || began - patientAt >= longestPatience) {
      work(patient, now() + budget.patient, 'patient');
      patientAt = now();
    }
    schedule();
  };
  const schedule = (): void => {
    if (scheduled || urgent.size + patient.size === 0) return;
    scheduled = true;
    later(turn);
  };
  return {
    add(piece) {
      urgent.add(piece);
      schedule();
    },
    addPatient(piece) {
      patient.add(piece);
      schedule();
    },
  };
}
