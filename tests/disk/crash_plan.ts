/**
 * Possible states of the whole disk after a power cut. The plan is made once for a
 * moment of the machine; the states built from it share everything that is certain.
 *
 * @module
 */
import { type Choose, enumerate } from "./choices.ts";
import { ask, FilePlan, type Fill } from "./crash_file.ts";
import type { FileNode } from "./file_node.ts";
import { DirectoryImage, type Image } from "./image.ts";
import { type DirectoryOperation, isPossible } from "./journal.ts";
import type { Machine } from "./machine.ts";
import type { DirectoryNode, Node } from "./nodes.ts";
import { GARBAGE, type Sector, ZEROS } from "./sector.ts";

/** A directory that is not the same in all states. */
interface DirectoryPlan {
  readonly kind: "directory";
  readonly mode: number;
  readonly certain: ReadonlyMap<string, Image>;
  readonly inner: readonly (readonly [name: string, node: Node])[];
  /** Names that pending operations touch: where their value is found. */
  readonly names: readonly (readonly [name: string, slot: number])[];
}

/** A directory operation, and the names that it sets. */
interface Step {
  readonly operation: DirectoryOperation;
  readonly puts: readonly { readonly slot: number; readonly node: Node | undefined }[];
}

/** All decisions of a power cut at one moment. */
export class CrashPlan {
  /** Sectors in doubt, over all files. */
  readonly dirtySectors: number;
  readonly #machine: Machine;
  readonly #fills: readonly Fill[];
  readonly #steps: readonly Step[];
  readonly #settledNames: (Node | undefined)[] = [];
  readonly #slots = new Map<DirectoryNode, Map<string, number>>();
  #slotCount = 0;
  readonly #plans = new Map<Node, Image | FilePlan | DirectoryPlan>();

  constructor(machine: Machine) {
    this.#machine = machine;
    this.#fills = fillsOf(machine.stale);
    this.#undo(machine.journal.pending);
    this.#steps = machine.journal.pending.map((operation) => this.#stepOf(operation));
    this.#planFor(machine.root);
    const named = this.#steps.flatMap(({ puts }) => puts.map(({ node }) => node));
    for (const node of [...this.#settledNames, ...named]) if (node !== undefined) this.#planFor(node);
    const files = [...this.#plans.values()].filter((plan) => plan instanceof FilePlan);
    this.dirtySectors = files.reduce((sum, plan) => sum + plan.doubts.length, 0);
  }

  /** Builds the state that results from the answers of `choose`. */
  build(choose: Choose): DirectoryImage {
    let fill: Fill | undefined;
    const chooseFill = () => fill ??= this.#fills[ask(choose, this.#fills.length)] ?? (() => ZEROS);
    const names = this.#decideNames(choose);
    const decide = (node: Node): Image => {
      const plan = this.#planFor(node);
      if (plan instanceof FilePlan) return plan.decide(choose, chooseFill);
      if (!("inner" in plan)) return plan;
      const entries = new Map(plan.certain);
      for (const [name, inner] of plan.inner) entries.set(name, decide(inner));
      for (const [name, slot] of plan.names) {
        const inner = names[slot];
        if (inner !== undefined) entries.set(name, decide(inner));
      }
      return new DirectoryImage(entries, plan.mode);
    };
    const root = decide(this.#machine.root);
    return root.kind === "directory" ? root : new DirectoryImage(new Map());
  }

  /**
   * Returns the number of sequences of answers; the number of distinct states is
   * slightly lower. With more than `operationsMax` operations it is only a bound.
   */
  count(operationsMax = 12): number {
    if (this.#steps.length > operationsMax) {
      const files = [...this.#plans.values()].filter((plan) => plan instanceof FilePlan);
      return 2 ** this.#steps.length * this.#countOf(files);
    }
    let count = 0;
    for (const { result } of enumerate((choose) => this.#decideNames(choose))) {
      count += this.#countOf(this.#filesIn(result));
    }
    return count;
  }

  #countOf(files: readonly FilePlan[]): number {
    const counts = files.map((file) => file.count());
    const all = counts.reduce((product, count) => product * count.all, 1);
    const written = counts.reduce((product, count) => product * count.written, 1);
    return written + this.#fills.length * (all - written);
  }

  /** The files in doubt that can be reached with these names. */
  #filesIn(names: readonly (Node | undefined)[]): FilePlan[] {
    const files: FilePlan[] = [];
    const visit = (node: Node) => {
      const plan = this.#planFor(node);
      if (plan instanceof FilePlan) files.push(plan);
      if (!("inner" in plan)) return;
      for (const [, inner] of plan.inner) visit(inner);
      for (const [, slot] of plan.names) {
        const inner = names[slot];
        if (inner !== undefined) visit(inner);
      }
    };
    visit(this.#machine.root);
    return files;
  }

  #decideNames(choose: Choose): (Node | undefined)[] {
    const names = this.#settledNames.slice();
    const happened = new Set<DirectoryOperation>();
    for (const { operation, puts } of this.#steps) {
      if (!isPossible(operation, happened) || choose(2) === 0) continue;
      happened.add(operation);
      for (const { slot, node } of puts) names[slot] = node;
    }
    return names;
  }

  /** Undoes every uncertain operation, the newest first. */
  #undo(pending: readonly DirectoryOperation[]): void {
    for (const { changes } of pending.toReversed()) {
      for (const { directory, name, before } of changes) {
        this.#settledNames[this.#slotOf(directory, name)] = before;
      }
    }
  }

  #stepOf(operation: DirectoryOperation): Step {
    const puts = operation.changes.map(({ directory, name, after }) => (
      { slot: this.#slotOf(directory, name), node: after }
    ));
    return { operation, puts };
  }

  #slotOf(directory: DirectoryNode, name: string): number {
    let slots = this.#slots.get(directory);
    if (slots === undefined) this.#slots.set(directory, slots = new Map());
    let slot = slots.get(name);
    if (slot === undefined) {
      slot = this.#slotCount++;
      slots.set(name, slot);
    }
    return slot;
  }

  #planFor(node: Node): Image | FilePlan | DirectoryPlan {
    const known = this.#plans.get(node);
    if (known !== undefined) return known;
    const plan = node.kind === "file"
      ? planOfFile(node)
      : node.kind === "link" || node.kind === "other"
      ? node.image
      : this.#planOfDirectory(node);
    this.#plans.set(node, plan);
    return plan;
  }

  #planOfDirectory(directory: DirectoryNode): DirectoryImage | DirectoryPlan {
    if (directory.untouched !== undefined) return directory.untouched;
    const slots = this.#slots.get(directory) ?? new Map<string, number>();
    const certain = new Map<string, Image>();
    const inner: [string, Node][] = [];
    for (const [name, node] of directory.entries) {
      if (slots.has(name)) continue;
      const plan = this.#planFor(node);
      if (plan instanceof FilePlan || "inner" in plan) inner.push([name, node]);
      else certain.set(name, plan);
    }
    if (slots.size + inner.length === 0) return new DirectoryImage(certain, directory.mode);
    return { kind: "directory", mode: directory.mode, certain, inner, names: [...slots] };
  }
}

function planOfFile(file: FileNode): Image | FilePlan {
  return file.unsettled === undefined ? file.settled : new FilePlan(file, file.unsettled);
}

/** Returns possible contents of never-written space: zeros, garbage, or former content. */
function fillsOf(stale: readonly Sector[]): Fill[] {
  const fills: Fill[] = [() => ZEROS, () => GARBAGE];
  if (stale.length > 0) fills.push((index) => stale[index % stale.length] ?? ZEROS);
  return fills;
}
