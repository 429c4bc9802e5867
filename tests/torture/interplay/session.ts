/**
 * One opening of the store: its content is compared with the known one, then
 * callers work on it, and it is closed.
 *
 * @module
 */
import { type Diagnostic, Runtime } from "../../../mod.ts";
import { FsRuntimeStore } from "../../../fs_store.ts";
import type { Random } from "../../disk/mod.ts";
import { checkState, checkTranscripts } from "../model/checks.ts";
import { UNCLEAN } from "../oracle.ts";
import { Finding } from "../script/history.ts";
import { Archive } from "./archive.ts";
import { HeldRuns } from "./held_runs.ts";
import { pause, type Pending } from "./pending.ts";
import type { Scenario } from "./scenario.ts";
import { Stress } from "./stress.ts";
import { Watchers } from "./watchers.ts";

/** Options of one session with a store. */
export interface SessionOptions {
  /** Directory of the case. */
  readonly directory: string;
  /** The plan of the case. */
  readonly scenario: Scenario;
  /** Source of everything random in this session. */
  readonly random: Random;
  /** True if the previous session ended with a close. */
  readonly wasClosed: boolean;
  /** True if callers work on it, false if it is only read. */
  readonly works: boolean;
  /** True if it is closed while callers are at work. */
  readonly underLoad: boolean;
  /** Waits for calls. */
  readonly pending: Pending;
  /** Receives findings outside the calls. */
  readonly fail: (error: unknown) => void;
  /** Called when the store is open and its content was compared. */
  readonly ready: () => void;
}

/** Diagnostics that must not occur on an intact disk. */
const FAILURES: ReadonlySet<string> = new Set([
  "append_failed",
  "checkpoint_failed",
  "close_incomplete",
  "projection_failed",
]);

/** Works on a store once. Throws a {@linkcode Finding}. */
export async function work(options: SessionOptions): Promise<void> {
  const before = descriptors();
  {
    using archive = new Archive(options.directory);
    await new Session(options, archive).run();
  }
  const left = descriptors().filter((name) => !before.includes(name));
  if (left.length > 0) throw new Finding("I7", `after a close these are open: ${left}`);
}

class Session {
  readonly #options: SessionOptions;
  readonly #archive: Archive;
  readonly #diagnostics: Diagnostic[] = [];

  constructor(options: SessionOptions, archive: Archive) {
    this.#options = options;
    this.#archive = archive;
  }

  async run(): Promise<void> {
    const { directory, works, pending, ready } = this.#options;
    const root = `${directory}/store`;
    const store = new FsRuntimeStore({ root, runtimeId: "t" });
    const runtime = await pending.wait(
      "open",
      Runtime.open({ store, onDiagnostic: (diagnostic) => this.#diagnostics.push(diagnostic) }),
    );
    await this.#audit(runtime);
    ready();
    if (works) await this.#stress(runtime);
    await pending.wait("close", runtime.close());
    this.#checkDiagnostics();
  }

  /** The log continues the copy; the state is the fold of the copy. */
  async #audit(runtime: Runtime): Promise<void> {
    const { firstEventId } = await runtime.events({ limit: 1 });
    const seen = this.#archive.lastEventId;
    if (firstEventId > seen + 1) {
      throw new Finding("I8", `the log begins with event ${firstEventId}, ${seen} was seen`);
    }
    if (runtime.lastEventId < seen) {
      throw new Finding("I1", `the log ends with event ${runtime.lastEventId} of ${seen}`);
    }
    for (let after: number | null = firstEventId - 1; after !== null;) {
      const page: Awaited<ReturnType<Runtime["events"]>> = await runtime.events({ after, limit: 1_000 });
      for (const event of page.items) this.#archive.add(event);
      after = page.next;
    }
    this.#mustBeKept(firstEventId);
    this.#archive.check();
    await this.#checkState(runtime);
  }

  async #checkState(runtime: Runtime): Promise<void> {
    const { reference } = this.#archive.folding;
    const wrong = checkState(runtime, reference) ?? await checkTranscripts(runtime, reference, undefined);
    if (wrong !== undefined) throw new Finding("I5", wrong);
  }

  async #stress(runtime: Runtime): Promise<void> {
    const { scenario, random, underLoad, pending, fail } = this.#options;
    const archive = this.#archive;
    const held = new HeldRuns(runtime, archive);
    const watchers = new Watchers(runtime, archive, pending);
    const copying = this.#copy(runtime);
    const stress = new Stress({ runtime, archive, scenario, held, watchers, pending, fail });
    await this.#unlessFailed(copying, stress.run(random));
    await this.#caughtUp(runtime, copying);
    await this.#check(runtime, held, watchers);
    const last = underLoad ? stress.run(random) : stress.burst(random);
    if (underLoad) await pause(random.below(60));
    else await last;
    await pending.wait("close", runtime.close());
    await last;
    await pending.wait("the end of watchers", copying);
    await watchers.checkClosed();
    held.checkClosed();
  }

  async #check(runtime: Runtime, held: HeldRuns, watchers: Watchers): Promise<void> {
    this.#mustBeKept((await runtime.events({ limit: 1 })).firstEventId);
    if (runtime.health.status === "failed") {
      throw new Finding("I7", `health: ${runtime.health.error.message}`);
    }
    this.#archive.check();
    held.check();
    await watchers.check();
    await this.#checkState(runtime);
  }

  /** Prunings removed no more than they recorded. */
  #mustBeKept(firstEventId: number): void {
    const { prunedTo } = this.#archive;
    if (firstEventId <= prunedTo) return;
    throw new Finding("I8", `the log begins with event ${firstEventId}, prunings recorded ${prunedTo}`);
  }

  /** Copies events as they become durable. */
  async #copy(runtime: Runtime): Promise<void> {
    for await (const event of runtime.watch({ after: this.#archive.lastEventId })) this.#archive.add(event);
  }

  async #caughtUp(runtime: Runtime, copying: Promise<void>): Promise<void> {
    const reach = async (): Promise<void> => {
      while (this.#archive.lastEventId < runtime.lastEventId) await pause(1);
    };
    await this.#unlessFailed(copying, this.#options.pending.wait("a watcher of everything", reach()));
  }

  /** Waits for work, or for the failure of a concurrent task. */
  async #unlessFailed(beside: Promise<void>, work: Promise<void>): Promise<void> {
    await Promise.race([work, beside.then(() => work)]);
  }

  #checkDiagnostics(): void {
    const codes = this.#options.wasClosed ? [...FAILURES, ...UNCLEAN] : [...FAILURES];
    const bad = this.#diagnostics.find(({ code }) => codes.includes(code));
    if (bad !== undefined) throw new Finding("I7", `${bad.code}: ${bad.message}`);
  }
}

/** Files that this process has open, on systems that list them. */
function descriptors(): string[] {
  try {
    return [...Deno.readDirSync("/proc/self/fd")].flatMap(({ name }) => targetOf(name)).sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** The file or directory of a descriptor, if it is one and is not the list of descriptors itself. */
function targetOf(descriptor: string): string[] {
  try {
    return [Deno.readLinkSync(`/proc/self/fd/${descriptor}`)].filter((target) => target.startsWith("/"));
  } catch {
    return [];
  }
}
