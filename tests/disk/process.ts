/**
 * A process that uses the disk: its open files and locks, its log of calls,
 * and the faults it meets. Processes of one machine share the page cache.
 *
 * @module
 */
import { type CallDetail, CallLog, type Trace } from "./calls.ts";
import { diskError, PowerCut } from "./errors.ts";
import type { CallHook, Fault } from "./faults.ts";
import type { FileNode } from "./file_node.ts";
import type { Machine } from "./machine.ts";
import type { Node } from "./nodes.ts";

/** Options for observing and disturbing a process. */
export interface ProcessOptions {
  /** Sees every call, and may inject a fault. */
  readonly onCall?: CallHook | undefined;
  /** Detail of the log of calls. */
  readonly trace?: Trace | undefined;
  /** Duration of a call that returns a promise; a microtask by default. */
  readonly latency?: (() => Promise<void>) | undefined;
}

/** A handle, as its process knows it. */
export interface Handle {
  readonly node: Node;
}

/** A process. */
export class DiskProcess {
  readonly machine: Machine;
  readonly calls: CallLog;
  readonly handles: Set<Handle> = new Set();
  /** Numbers of the calls in progress. */
  readonly pending: Set<number> = new Set();
  readonly latency: (() => Promise<void>) | undefined;
  onCall: CallHook | undefined;
  #alive = true;
  /** Created once: surviving code calls very often, and the location is irrelevant. */
  #gone: PowerCut | undefined;

  constructor(machine: Machine, options: ProcessOptions) {
    this.machine = machine;
    this.calls = new CallLog(options.trace ?? "counts");
    this.onCall = options.onCall;
    this.latency = options.latency;
    machine.processes.add(this);
  }

  /** True while calls have an effect. */
  get alive(): boolean {
    return this.#alive && this.machine.powered;
  }

  /** The files that it holds open, each once per handle. */
  *openFiles(): Generator<FileNode> {
    for (const { node } of this.handles) {
      if (node.kind === "file") yield node;
    }
  }

  /** Ends the process as SIGKILL does. */
  kill(): void {
    this.#alive = false;
    this.handles.clear();
    this.machine.processes.delete(this);
    for (const [file, holder] of this.machine.locks) {
      if (holder === this) this.machine.locks.delete(file);
    }
  }

  /** Makes a call that returns at once. `whenFailed` runs in place of `effect` for an injected error. */
  run<T>(call: CallDetail, effect: (fault?: Fault) => T, whenFailed?: () => void): T {
    const fault = this.#begin(call);
    return this.#finish(call, fault, effect, whenFailed);
  }

  /** Makes a call that returns a promise: `effect` runs when the time is up, unless the power is cut by then. */
  async runLater<T>(call: CallDetail, effect: (fault?: Fault) => T, whenFailed?: () => void): Promise<T> {
    const fault = this.#begin(call);
    const index = this.calls.count();
    this.pending.add(index);
    try {
      await this.latency?.();
      this.requireLife();
      return this.#finish(call, fault, effect, whenFailed);
    } finally {
      this.pending.delete(index);
    }
  }

  #begin(call: CallDetail): Fault | undefined {
    this.requireLife();
    const index = this.calls.add(call);
    const fault = this.onCall?.({ index, ...call });
    if (fault !== undefined && "when" in fault && fault.when === "before") this.#stop(fault);
    this.requireLife();
    return fault;
  }

  #finish<T>(
    call: CallDetail,
    fault: Fault | undefined,
    effect: (fault?: Fault) => T,
    whenFailed?: () => void,
  ): T {
    if (fault?.kind === "error" && fault.applied !== true) {
      whenFailed?.();
      throw diskError(fault.code, call.operation, call.path);
    }
    const result = effect(fault);
    if (fault?.kind === "error") throw diskError(fault.code, call.operation, call.path);
    if (fault !== undefined && "when" in fault) this.#stop(fault);
    this.requireLife();
    return result;
  }

  #stop({ kind }: Fault): void {
    if (kind === "kill") this.kill();
    else this.machine.powered = false;
  }

  /** Throws `PowerCut` unless calls have an effect. */
  requireLife(): void {
    if (this.alive) return;
    throw this.#gone ??= new PowerCut(this.#alive ? "the power was cut" : "the process was killed");
  }
}
