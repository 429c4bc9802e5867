/**
 * Sessions: a store from opening to closing, the state folded from it, and the
 * operations in flight. The common part of a runtime and a reader.
 *
 * @module
 */
import { type Diagnostic, type DiagnosticCode, DiagnosticLog, type Notice } from "./diagnostics.ts";
import { RuntimeError, withSpot } from "./errors.ts";
import { Folding } from "./folding.ts";
import { isFinal } from "./group_commit.ts";
import { textOf } from "./injected.ts";
import { unknownEvents } from "./opening.ts";
import type { SourceInfo, StoredRuntime } from "./store.ts";
import { WakeUp } from "./wake.ts";

/** Clock and diagnostics of a runtime or a reader. */
export interface SessionOptions {
  /** The clock, in milliseconds since 1970. @default {Date.now} */
  readonly now?: (() => number) | undefined;
  /** Receives every diagnostic as it is recorded. */
  readonly onDiagnostic?: ((diagnostic: Diagnostic) => void) | undefined;
}

/** Stores and sources that were opened. */
const opened = new WeakSet<object>();

/** Opens a store or a source, and closes it if that fails. Throws `TypeError` if it was opened before. */
export async function openOnce<Opened>(
  what: string,
  store: StoredRuntime,
  open: () => Promise<Opened>,
): Promise<Opened> {
  if (opened.has(store)) throw new TypeError(`Cannot open ${what}: it was opened before`);
  opened.add(store);
  try {
    return await open();
  } catch (error) {
    // An error of closing would mask this one.
    await store.close().catch(() => {});
    throw error;
  }
}

/** A store and its state, from opening to closing. */
export class Session<Store extends StoredRuntime = StoredRuntime> extends Folding {
  /** Problems that were recovered from. */
  readonly diagnostics: DiagnosticLog;
  /** Wakes watches. */
  readonly news: WakeUp = new WakeUp();
  override readonly notice = (notice: Notice): void => this.diagnostics.add(notice);
  override readonly lost = (error: RuntimeError): void => this.lose(error, "store_lost");
  /** Name of the runtime for people. */
  displayName: string | undefined;
  /** The error that ended the session. */
  failure: RuntimeError | undefined;
  /** Set when closing begins: no operation begins after that. */
  isClosed = false;
  readonly #pending = new Set<Promise<unknown>>();

  /** A session that is yet to be loaded. */
  constructor(readonly store: Store, { now = Date.now, onDiagnostic }: SessionOptions) {
    super(store.runtimeId);
    this.diagnostics = new DiagnosticLog(now, onDiagnostic);
  }

  /** Loads the state. Locates errors, and reports events of unknown types. */
  async load<Info extends SourceInfo>(load: () => Promise<Info>): Promise<Info> {
    try {
      const info = await load();
      this.displayName = info.displayName;
      if (this.unknownCount > 0) this.notice(unknownEvents(this.unknownCount));
      return info;
    } catch (error) {
      throw this.#located(error);
    }
  }

  /** Throws `runtime_closed` after closing. */
  assertOpen(): void {
    if (this.isClosed) throw this.closedError();
  }

  /** Creates the error of a closed runtime. */
  protected closedError(): RuntimeError<"runtime_closed"> {
    const { runtimeId } = this.view.runtime;
    const message = `Cannot use runtime ${JSON.stringify(runtimeId)}: it is closed`;
    return new RuntimeError("runtime_closed", message, { runtimeId });
  }

  /** Runs an operation concurrently with commits; closing waits for it. Locates errors. */
  async run<T>(operation: Promise<T>): Promise<T> {
    this.#pending.add(operation);
    try {
      return await operation;
    } catch (error) {
      if (isFinal(error)) this.lost(error);
      throw this.#located(error);
    } finally {
      this.#pending.delete(operation);
    }
  }

  #located(error: unknown): unknown {
    return withSpot(error, (eventId) => this.store.spotOf?.(eventId));
  }

  /** Waits until all operations have settled. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#pending);
  }

  /**
   * Ends the session with the first final error, whether of an operation or of the
   * store itself. A later one of the same code replaces it: it may name the new owner.
   */
  protected lose(error: RuntimeError, code: DiagnosticCode): void {
    const { failure } = this;
    if (failure !== undefined && failure.code !== error.code) return;
    this.failure = error;
    this.stop(error);
    if (failure !== undefined) return;
    this.news.wake();
    this.report(error, code, "error");
  }

  /** Ends whatever else runs. */
  protected stop(_error: RuntimeError): void {}

  /** Records an error as a diagnostic. */
  protected report(error: unknown, code: DiagnosticCode, severity: Notice["severity"]): void {
    this.diagnostics.add({ code, severity, message: textOf(error) });
  }
}
