/**
 * Serialized work.
 *
 * @module
 */

/** Runs functions one at a time, in the order of the calls. */
export class OneAtATime {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs `work` after all earlier work has settled. */
  run<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => {});
    return result;
  }

  /** Resolves when all work given so far has settled. */
  async idle(): Promise<void> {
    await this.#last;
  }
}
