/**
 * Directory operations that no `syncDirectory` has made certain. A power cut may
 * lose any of them independently of later ones, as long as the rest could exist:
 *
 * - an operation needs the one that put in place what it moves or removes, and
 *   the one that freed the name it takes (but to *replace* a name it needs
 *   nothing: the replacement before it may be lost);
 * - removing a directory needs all that emptied it; anything in a directory
 *   needs the directory;
 * - moves of directories keep their order, so that none ends inside itself.
 *
 * A rename is one operation: never both names, never neither. Between two
 * directories, a sync of either makes it certain.
 *
 * @module
 */
import type { DirectoryNode, Node } from "./nodes.ts";

/** Effect of an operation on one name. */
export interface NameChange {
  readonly directory: DirectoryNode;
  readonly name: string;
  readonly before: Node | undefined;
  readonly after: Node | undefined;
}

/** One create, remove, rename or mkdir. */
export interface DirectoryOperation {
  readonly sequence: number;
  readonly changes: readonly NameChange[];
  /** Operations without which this one cannot have happened. */
  readonly needs: readonly DirectoryOperation[];
  /** True if it may still be lost. */
  pending: boolean;
}

/** The operations in doubt, oldest first. */
export class Journal {
  #pending: DirectoryOperation[] = [];

  /** The operations in doubt, oldest first. */
  get pending(): readonly DirectoryOperation[] {
    return this.#pending;
  }

  /** Records an operation that took effect in the page cache. */
  record(sequence: number, changes: readonly NameChange[]): DirectoryOperation {
    const operation = { sequence, changes, needs: this.#needsOf(changes), pending: true };
    this.#pending.push(operation);
    return operation;
  }

  /** Takes over an operation of another journal. */
  adopt(operation: DirectoryOperation): void {
    this.#pending.push(operation);
  }

  /** Makes the operations on this directory, or all, up to `sequence` certain. */
  commit(sequence: number, directory?: DirectoryNode): void {
    const certain = new Set<DirectoryOperation>();
    for (const operation of this.#pending) {
      if (operation.sequence > sequence) break;
      if (directory === undefined || touches(operation, directory)) this.#include(operation, certain);
    }
    for (const operation of certain) operation.pending = false;
    this.#pending = this.#pending.filter((operation) => operation.pending);
  }

  #include(operation: DirectoryOperation, certain: Set<DirectoryOperation>): void {
    if (!operation.pending || certain.has(operation)) return;
    certain.add(operation);
    for (const need of operation.needs) this.#include(need, certain);
    for (const earlier of this.#pending) {
      if (earlier === operation) break;
      if (earlier.changes.some((change) => operation.changes.some((other) => sameName(change, other)))) {
        this.#include(earlier, certain);
      }
    }
    if (!spansDirectories(operation)) return;
    // A moved directory must not end in a directory that can still disappear.
    for (const making of operation.changes.flatMap(({ directory }) => makingOf(directory))) {
      this.#include(making, certain);
    }
  }

  #needsOf(changes: readonly NameChange[]): DirectoryOperation[] {
    const needs = new Set<DirectoryOperation>();
    for (const change of changes) {
      const replaces = change.before !== undefined && change.after !== undefined;
      const last = this.#pending.findLast((earlier) => earlier.changes.some((one) => sameName(one, change)));
      if (last !== undefined && !replaces) needs.add(last);
    }
    for (const earlier of this.#pending) {
      const emptied = goneDirectories(changes).some((directory) => touches(earlier, directory));
      if (emptied || (movesDirectory(changes) && movesDirectory(earlier.changes))) needs.add(earlier);
    }
    return [...needs];
  }
}

/** Returns true if the operation could have happened, given these others and the certain ones. */
export function isPossible(
  operation: DirectoryOperation,
  happened: ReadonlySet<DirectoryOperation>,
): boolean {
  const has = (need: DirectoryOperation) => !need.pending || happened.has(need);
  return operation.needs.every(has) &&
    operation.changes.every(({ directory }) => makingOf(directory).every(has));
}

/** Returns the uncertain operations on which the existence of the directory depends. */
function makingOf(directory: DirectoryNode): DirectoryOperation[] {
  const making: DirectoryOperation[] = [];
  for (let at: DirectoryNode | undefined = directory; at !== undefined; at = at.madeIn) {
    if (at.madeBy?.pending) making.push(at.madeBy);
  }
  return making;
}

function touches(operation: DirectoryOperation, directory: DirectoryNode): boolean {
  return operation.changes.some((change) => change.directory === directory);
}

function sameName(one: NameChange, other: NameChange): boolean {
  return one.directory === other.directory && one.name === other.name;
}

function spansDirectories({ changes }: DirectoryOperation): boolean {
  return changes.some((change) => change.directory !== changes[0]?.directory);
}

function goneDirectories(changes: readonly NameChange[]): DirectoryNode[] {
  return changes.map((change) => change.before)
    .filter((node) => node?.kind === "directory")
    .filter((node) => !changes.some((change) => change.after === node));
}

function movesDirectory(changes: readonly NameChange[]): boolean {
  return changes.length > 1 && changes.some((change) => change.after?.kind === "directory");
}
