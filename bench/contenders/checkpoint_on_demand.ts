/**
 * A store that saves a checkpoint when the benchmark says so: the seam lets a
 * store ask for one, so this one stands before the real store and asks.
 *
 * @module
 */
import type { AppendBatch, AppendResult, RuntimeStore, Snapshot } from "../../store.ts";

/** Stands before a store, and counts how often that asked for a checkpoint. */
export class CheckpointOnDemand {
  /** The store to open a runtime on: all but two methods are those of the real one. */
  readonly store: RuntimeStore;
  readonly #real: RuntimeStore;
  #wanted: PromiseWithResolvers<void> | undefined;
  #due = 0;
  #isDue = false;

  constructor(real: RuntimeStore) {
    this.#real = real;
    const own = {
      append: (batch: AppendBatch) => this.#append(batch),
      saveSnapshot: (snapshot: Snapshot) => this.#saveSnapshot(snapshot),
    };
    this.store = new Proxy(real, {
      get(target, name): unknown {
        if (Object.hasOwn(own, name)) return Reflect.get(own, name);
        const member: unknown = Reflect.get(target, name, target);
        return typeof member === "function" ? member.bind(target) : member;
      },
    });
  }

  /** How often the store asked for a checkpoint. */
  get due(): number {
    return this.#due;
  }

  /** Asks for a checkpoint with the next append; resolves when it is saved. */
  checkpoint(): Promise<void> {
    this.#wanted ??= Promise.withResolvers();
    return this.#wanted.promise;
  }

  async #append(batch: AppendBatch): Promise<AppendResult> {
    const result = await this.#real.append(batch);
    if (result.snapshotDue && !this.#isDue) this.#due++;
    this.#isDue = result.snapshotDue;
    return this.#wanted === undefined ? result : { ...result, snapshotDue: true };
  }

  async #saveSnapshot(snapshot: Snapshot): Promise<void> {
    const wanted = this.#wanted;
    await this.#real.saveSnapshot(snapshot);
    if (wanted !== undefined && wanted === this.#wanted) this.#wanted = undefined;
    wanted?.resolve();
  }
}
