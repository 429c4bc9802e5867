/**
 * A disk whose renames overtake listings.
 *
 * @module
 */
import { DenoFileSystem } from "../../src/fs/disk/deno_file_system.ts";
import type { DirectoryEntry } from "../../src/fs/disk/file_system.ts";

/** A disk that completes a rename when a directory has just been listed. */
export class RacingDisk extends DenoFileSystem {
  /** Selects the renames that are delayed, by their targets. */
  isHeld: (to: string) => boolean = () => false;
  /** Selects the directories whose listing completes a rename. */
  isRaced: (directory: string) => boolean = () => true;
  /** Resolves when a rename waits. */
  readonly reached: PromiseWithResolvers<void> = Promise.withResolvers();
  #pending: (() => void) | undefined;

  override rename(from: string, to: string): Promise<void> {
    if (!this.isHeld(to)) return super.rename(from, to);
    return new Promise((resolve, reject) => {
      this.#pending = () => {
        this.#pending = undefined;
        try {
          resolve(Deno.renameSync(from, to));
        } catch (error) {
          reject(error);
        }
      };
      this.reached.resolve();
    });
  }

  override list(path: string): DirectoryEntry[] {
    const entries = super.list(path);
    if (this.isRaced(path)) this.#pending?.();
    return entries;
  }
}
