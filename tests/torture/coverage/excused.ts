/**
 * Branches of the store's heart that no test takes, and right so: each with
 * the reason.
 *
 * @module
 */

/** A branch that need not be taken. */
export interface Excuse {
  /** The file, below `src/fs/`. */
  readonly file: string;
  /** A part of the line that is nowhere else in the file. */
  readonly text: string;
  /** Why nothing can take it. */
  readonly reason: string;
}

/** All of them. */
export const excused: readonly Excuse[] = [];
