/**
 * Group commit for stores that have none: what is asked for in a turn of the
 * event loop, and while a commit is in flight, is committed together.
 *
 * @module
 */

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/** Commits a batch durably; gives a result for each item. */
export type CommitBatch<Item, Result> = (
  items: readonly Item[],
) => readonly Result[] | Promise<readonly Result[]>;

/** Collects the callers of a tick. One commit is in flight at a time. */
export class TickBatch<Item, Result> {
  readonly #commit: CommitBatch<Item, Result>;
  readonly #itemsMax: number;
  #queue: Waiting<Item, Result>[] = [];
  #draining: Promise<void> | undefined;

  /** Hands at most `itemsMax` items to `commit` at a time. */
  constructor(commit: CommitBatch<Item, Result>, itemsMax: number) {
    this.#commit = commit;
    this.#itemsMax = itemsMax;
  }

  /** Resolves when the batch that the item is in is committed. */
  add(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ item, resolve, reject });
      this.#draining ??= this.#drain();
    });
  }

  /** Waits until nothing is in flight. */
  async idle(): Promise<void> {
    while (this.#draining !== undefined) await this.#draining;
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0) {
      await new Promise((resolve) => setImmediate(resolve));
      await this.#commitSome();
    }
    this.#draining = undefined;
  }

  async #commitSome(): Promise<void> {
    const batch = this.#queue.slice(0, this.#itemsMax);
    this.#queue = this.#queue.slice(this.#itemsMax);
    try {
      const results = await this.#commit(batch.map(({ item }) => item));
      batch.forEach(({ resolve }, index) => resolve(results[index] as Result));
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}
