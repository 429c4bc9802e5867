/**
 * The operator of a running store: verifies, backs up, exports and imports, and
 * follows a store that another process has open.
 *
 * @module
 */
import { isRuntimeError, RuntimeReader } from "../../../mod.ts";
import { FsRuntimeSource, type StoreLocation } from "../../../fs_store.ts";
import { backup, exportRuntime, importRuntime, verify, type VerifyReport } from "../../../operate.ts";
import type { Random } from "../../disk/mod.ts";
import { Finding } from "../script/history.ts";
import { pause, type Pending } from "./pending.ts";
import type { Task } from "./scenario.ts";

/** Works on the store of a case without its lock. */
export class Operator {
  readonly #directory: string;
  readonly #place: StoreLocation;
  readonly #workerIds: readonly string[];
  readonly #random: Random;
  readonly #pending: Pending;
  #count = 0;

  /** An operator of the store below the directory of a case. */
  constructor(directory: string, workerIds: readonly string[], random: Random, pending: Pending) {
    this.#workerIds = workerIds;
    this.#directory = directory;
    this.#place = { root: `${directory}/store`, runtimeId: "t" };
    this.#random = random;
    this.#pending = pending;
  }

  /** Repeats a task until the signal aborts. Throws a {@linkcode Finding}. */
  async repeat(task: Task, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#pending.wait(task, this.#once(task, signal));
      await pause(this.#random.below(10));
    }
  }

  /** Checks a store that no process has open. Throws a {@linkcode Finding}. */
  async audit(wasClosed: boolean): Promise<void> {
    const report = await this.#pending.wait("verify", verify(this.#place));
    if (wasClosed) mustBeClosed(report);
    else if (report.verdict === "damaged") throw new Finding("I1", `verify after a kill: ${textOf(report)}`);
    await this.#pending.wait("backup", this.#backup());
    await this.#pending.wait("export", this.#export());
  }

  async #once(task: Task, signal: AbortSignal): Promise<void> {
    switch (task) {
      case "verify":
        return await this.#verify();
      case "backup":
        return await this.#backup();
      case "export":
        return await this.#export(this.#random.chance(0.3) ? this.#random.pick(this.#workerIds) : undefined);
      case "follow":
        return await this.#follow(signal);
    }
  }

  async #verify(): Promise<void> {
    try {
      mustBeCleanBesideHost(await verify(this.#place));
    } catch (error) {
      throw found("verify", error);
    }
  }

  /** Brings a copy up to date, or makes a new one. */
  async #backup(): Promise<void> {
    const to = `${this.#directory}/backup`;
    if (this.#random.chance(0.3)) await removeIfThere(to);
    try {
      const { verified } = await backup(this.#place, { to });
      if (verified !== undefined) mustBeClean("backup", verified);
    } catch (error) {
      // Prunings went beyond the copy.
      if (!isRuntimeError(error) || !error.message.includes("begin a new copy elsewhere")) {
        throw found("backup", error);
      }
      await removeIfThere(to);
    }
  }

  /** A stream can be imported; one of a whole runtime, exported again, is the same stream. */
  async #export(workerId?: string): Promise<void> {
    const root = `${this.#directory}/import-${++this.#count}`;
    const stream = await this.#streamOf(workerId);
    if (stream === undefined) return;
    try {
      await importRuntime(root, ReadableStream.from([stream]));
      mustBeClean("verify of an import", await verify({ root, runtimeId: "t" }));
      if (workerId !== undefined) return;
      const again = await bytesOf(exportRuntime({ root, runtimeId: "t" }));
      if (again.length === stream.length && again.every((byte, index) => byte === stream[index])) return;
      throw new Finding("I1", `a stream of ${stream.length} bytes is ${again.length} others after an import`);
    } catch (error) {
      throw found("export and import", error);
    } finally {
      await removeIfThere(root);
    }
  }

  /** The stream of all or of one worker; `undefined` for a worker that is gone, and when a pruning passed it. */
  async #streamOf(workerId: string | undefined): Promise<Uint8Array | undefined> {
    try {
      return await bytesOf(exportRuntime(this.#place, { worker: workerId }));
    } catch (error) {
      if (codeOf(error) === "cursor_expired") return undefined;
      if (workerId !== undefined && codeOf(error) === "worker_not_found") return undefined;
      throw found("export", error);
    }
  }

  /** Follows the log for a while; ids have no gaps. */
  async #follow(signal: AbortSignal): Promise<void> {
    try {
      const source = new FsRuntimeSource(this.#place, { pollMs: 2 });
      await using reader = await RuntimeReader.open({ source });
      let last = this.#random.chance(0.5) ? reader.lastEventId : Math.max(0, (source.segments[0] ?? 1) - 1);
      const slowness = this.#random.pick([0, 0.02, 0.2]);
      const ends = AbortSignal.any([signal, AbortSignal.timeout(20 + this.#random.below(400))]);
      for await (const event of reader.watch({ after: last, signal: ends })) {
        if (event.id !== last + 1) throw new Finding("I3", `watch() yields event ${event.id} after ${last}`);
        last = event.id;
        if (this.#random.chance(slowness)) await pause(this.#random.below(30));
      }
      await this.#readBeside(reader);
      const { damage } = source;
      if (damage !== undefined) {
        throw new Finding("I1", `a reader calls the log damaged: ${damage.message}`);
      }
    } catch (error) {
      // A pruning went beyond it, or a worker was purged between two reads.
      if (/^(?:cursor_expired|worker_not_found)$/.test(codeOf(error))) return;
      throw found("follow", error);
    }
  }

  /** The newest page of each transcript, if the worker exists. */
  async #readBeside(reader: RuntimeReader): Promise<void> {
    await reader.refresh();
    for (const { record: { workerId } } of [...reader.allWorkers()]) {
      const limit = 1 + this.#random.below(20);
      const { items, length } = await reader.transcript(workerId, { limit });
      const seqs = items.map(({ seq }) => seq);
      const wanted = Array.from({ length: Math.min(limit, length) }, (_, at) => length - at);
      if (`${seqs}` === `${wanted.reverse()}`) continue;
      throw new Finding("I1", `the transcript of ${workerId} is ${seqs}, not ${wanted}`);
    }
  }
}

/** Findings of an unfinished write: a host may be killed between two calls, or suspended for a while. */
const UNFINISHED: ReadonlySet<string> = new Set(["torn_tail", "unfinished_segment"]);

/** While a host is running there are no findings, except that a write at the end of the log may be unfinished. */
function mustBeCleanBesideHost(report: VerifyReport): void {
  const healable = report.findings.filter(({ severity }) => severity === "healable");
  const isUnfinished = healable.every(({ code }) => UNFINISHED.has(code));
  if (report.verdict === "damaged" || !isUnfinished) mustBeClean("verify", report);
}

/** After a close nothing remains to be written. */
function mustBeClosed(report: VerifyReport): void {
  mustBeClean("verify after a close", report);
  const pending = report.findings.filter(({ severity }) => severity === "pending");
  if (report.closed && pending.length === 0) return;
  throw new Finding(
    "I5",
    `after a close: closed is ${report.closed}, ${JSON.stringify(pending.slice(0, 3))}`,
  );
}

function mustBeClean(name: string, report: VerifyReport): void {
  if (report.verdict !== "clean") throw new Finding("I5", `${name}: ${textOf(report)}`);
}

function textOf({ verdict, findings, firstEventId, lastEventId }: VerifyReport): string {
  const bad = findings.filter(({ severity }) => severity === "damaged" || severity === "healable");
  return `${verdict}, events ${firstEventId} to ${lastEventId}: ${JSON.stringify(bad.slice(0, 3))}`;
}

function found(name: string, error: unknown): Finding {
  if (error instanceof Finding) return error;
  return new Finding("I1", `${name} is refused: ${error instanceof Error ? error.stack : error}`, {
    cause: error,
  });
}

function codeOf(error: unknown): string {
  return isRuntimeError(error) ? error.code : "";
}

async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: BlobPart[] = [];
  for await (const chunk of stream) chunks.push(new Uint8Array(chunk));
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
