/** One run of an Envoy that has said goodbye. */
export interface DrainedRun {
  readonly id: string;
  readonly run: string;
}

/** After its last stream a run that drains cannot last longer than this, in milliseconds. */
const memory = 10 * 60_000;

/**
 * Which runs have said goodbye. Such an Envoy may come back on a new stream while it drains (a cut connection, a restart of the control
 * plane) and must not get callers again (E35); the next run of the same node is another matter.
 */
export class DrainedRuns {
  readonly #runs = new Map<string, { readonly run: string; readonly forgetAt: number }>();

  /** At most one of each node id. */
  list(): readonly DrainedRun[] {
    return [...this.#runs].map(([id, { run }]) => ({ id, run }));
  }

  has(id: string, run: string | undefined): boolean {
    return run !== undefined && this.#runs.get(id)?.run === run;
  }

  /** It said goodbye, or was draining when its stream ended. */
  add(id: string, run: string, now: number): void {
    this.#runs.set(id, { run, forgetAt: now + memory });
  }

  forget(id: string): void {
    this.#runs.delete(id);
  }

  /** Drops what is over; not those of which `isHere` says that they still have a stream. */
  prune(now: number, isHere: (id: string) => boolean): void {
    for (const [id, { forgetAt }] of this.#runs) if (forgetAt <= now && !isHere(id)) this.#runs.delete(id);
  }
}
