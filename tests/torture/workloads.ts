/**
 * Scripts that together make every call of the store: actions of hosts, and earlier
 * damage to disks.
 *
 * @module
 */
import { failAt } from "../disk/mod.ts";
import { type BlobSource, isRuntimeError, type RuntimeErrorCode } from "../../mod.ts";
import { type Bases, bytesOf, large, pictures } from "./script/bases.ts";
import type { Session } from "./script/session.ts";

/** A script and its initial store. */
export interface Workload {
  /** Codes with which commands that race each other may be rejected. */
  readonly refusals?: readonly string[];
  /** Workers that are forked from worker `a` or its forks: damage of its files prevents their creation. */
  readonly forks?: readonly string[];
  readonly name: string;
  /** Initial store. */
  readonly base: keyof Bases;
  /** Limits in the operator's config besides the small ones of all scripts. */
  readonly limits?: Readonly<Record<string, number>>;
  /** There is no config of the operator, and no directory for it. */
  readonly bare?: boolean;
  /** Durability of answers. @default "synced" */
  readonly durability?: "written";
  /** The device is so slow that syncs leave the thread. */
  readonly slow?: boolean;
  /** False on a system that cannot sync directories; file numbers are not used there either. @default {true} */
  readonly directorySync?: boolean;
  /** Actions of the host; `size` varies the lengths of contents. */
  readonly run: (session: Session, size: number) => Promise<void>;
}

const user = (content: string): { role: "user"; content: string } => ({ role: "user", content });
const says = (content: string): { role: "assistant"; content: string } => ({ role: "assistant", content });
const text = (length: number): string => "lorem ipsum ".repeat(Math.ceil(length / 12)).slice(0, length);

/** Input for a worker, one command after the other. */
async function talk(session: Session, workerId: string, times: number, length: number): Promise<void> {
  for (let turn = 1; turn <= times; turn++) {
    await session.ask(workerId, (worker) => worker.sendInput(user(`${turn} ${text(length)}`)));
  }
}

/** Commands issued together: one batch. */
async function burst(session: Session, workerId: string, count: number, length: number): Promise<void> {
  const send = (index: number) =>
    session.ask(workerId, (worker) => worker.sendInput(user(`${index} ${text(length)}`)));
  await Promise.all(Array.from({ length: count }, (_, index) => send(index)));
}

/** Fills the newest segment of the log up to approximately this many bytes. */
async function fill(session: Session, workerId: string, bytes: number): Promise<void> {
  for (let piece = 0; piece < 9; piece++) {
    const missing = bytes - session.lastSegmentBytes();
    if (missing < 230) return;
    await talk(session, workerId, 1, missing < 1_500 ? missing - 204 : 1_000);
  }
}

/** A run from its beginning to its end. */
async function work(session: Session, workerId: string, length: number): Promise<void> {
  const run = await session.ask(workerId, (worker) => worker.beginRun());
  if (run === undefined) return;
  await session.tell(() => run.append([says(text(length)), says("done")]));
  await session.ask(workerId, (worker) => worker.commit({ usage: { model: "m-1", inputTokens: length } }));
  await session.tell(() => run.commit({ data: { step: length, note: text(length) } }));
  await session.tell(() => run.finish("completed"));
}

/** A run whose commits have several members; the last one ends it. */
async function commitAll(session: Session, workerId: string, length: number): Promise<void> {
  const run = await session.ask(workerId, (worker) => worker.beginRun({ wait: true, key: "begin" }));
  if (run === undefined) return;
  await session.tell(() =>
    run.commit({
      entries: [{ role: "assistant", content: [{ type: "text", text: text(length) }], id: "e-1" }],
      usage: [{ model: "m-1", inputTokens: length }, { model: "m-2", requests: 1 }],
      data: { step: length, entries: [{ text: ',"entries":[' }] },
      events: [{ name: "host.step", data: { length } }],
      labels: { phase: "two" },
    }, { meta: { trace: `t-${length}` }, key: "all" })
  );
  const finish = { outcome: "completed", reason: "done" } as const;
  await session.tell(() => run.commit({ entries: [says("bye")], displayName: "B", finish }, { key: "end" }));
}

/** A run that adds to its draft, several texts at once, and is left open. */
async function stream(session: Session, workerId: string, length: number): Promise<void> {
  const run = await session.ask(workerId, (worker) => worker.beginRun());
  if (run === undefined) return;
  for (let round = 0; round < 2; round++) {
    const texts = ["one ", text(length), " three "];
    await Promise.all(texts.map((draft) => session.tell(() => run.commit({ draft }))));
  }
}

/** Puts a blob, and appends an entry that refers to it. */
async function show(session: Session, workerId: string, source: BlobSource): Promise<void> {
  const blob = await session.put(workerId, source);
  if (blob === undefined) return;
  await session.ask(workerId, (worker) => worker.append([{ ...user("look"), blobs: [blob] }]));
}

/** Expects this rejection. */
function rejectedAs(code: RuntimeErrorCode): (error: unknown) => undefined {
  return (error) => {
    if (!isRuntimeError(error) || error.code !== code) throw error;
    return undefined;
  };
}

/** A stream of several chunks. */
function streamOf(...texts: string[]): ReadableStream<Uint8Array> {
  return ReadableStream.from(texts.map(bytesOf));
}

/** Creates a worker whose first entries have large content. */
async function createLarge(session: Session, workerId: string, length: number, key?: string): Promise<void> {
  const entries = [{ role: "tool", content: [large] }, user(text(length))];
  const spec = { workerId, intent: { kind: "assistant" } } as const;
  await session.tell((runtime) => runtime.createWorker(spec, { commit: { entries }, key }));
}

/** Ends a worker, purges it and reuses its id. */
async function replace(session: Session, workerId: string, length: number): Promise<void> {
  await session.ask(workerId, (worker) => worker.retire({ reason: "replaced", cancelRun: true }));
  await session.tell((runtime) => runtime.flush());
  await session.ask(workerId, (worker) => worker.purge());
  await session.tell((runtime) => runtime.createWorker({ workerId, intent: { kind: "assistant" } }));
  await talk(session, workerId, 2, length);
}

/** All scripts. */
export const workloads: readonly Workload[] = [
  {
    name: "create",
    base: "nothing",
    run: async (session, size) => {
      await session.open();
      await session.tell((runtime) => runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } }));
      await talk(session, "a", 2, size);
      await session.close();
      await session.open();
    },
  },
  {
    name: "create-bare",
    base: "nothing",
    bare: true,
    run: async (session, size) => {
      await session.open();
      await session.tell((runtime) => runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } }));
      await talk(session, "a", 1, size);
    },
  },
  {
    name: "inputs",
    base: "closed",
    run: async (session, size) => {
      await session.open();
      await talk(session, "a", 6, size);
      await session.read("a");
      await session.keyed("b", "k-1", text(size));
      await talk(session, "b", 3, 40);
      await session.tell((runtime) => runtime.flush());
    },
  },
  {
    name: "views",
    base: "flushed",
    run: async (session, size) => {
      await session.view();
      await session.open();
      await talk(session, "a", 2, size);
      await session.view();
      await session.close();
      await session.view();
      await session.viewAbsent();
    },
  },
  {
    name: "batches",
    base: "flushed",
    run: async (session, size) => {
      await session.open();
      await burst(session, "a", 6, size);
      await burst(session, "b", 9, 180);
      await session.read("b");
      await burst(session, "a", 3, 700);
      await session.close();
    },
  },
  {
    name: "large",
    base: "closed",
    run: async (session, size) => {
      await session.open();
      await talk(session, "a", 1, 3_500 + size);
      await talk(session, "a", 1, 6_000 + size);
      await session.ask("b", (worker) => worker.append([says(text(900)), says(text(size)), says("end")]));
      await session.read("a");
      await session.close();
    },
  },
  {
    name: "rotation",
    base: "closed",
    run: async (session, size) => {
      await session.open();
      for (const workerId of ["a", "b", "a"]) await talk(session, workerId, 4, 900 + size);
      await session.read("a");
      await session.tell((runtime) => runtime.events({ after: 2, limit: 5 }));
      await session.close();
    },
  },
  {
    name: "brim",
    base: "closed",
    run: async (session, size) => {
      await session.open();
      // The event of the close fills the segment: the next opening begins with a new one.
      await fill(session, "a", 4_060);
      await session.reopen();
      await talk(session, "b", 2, size);
    },
  },
  {
    name: "openings",
    base: "nothing",
    run: async (session, size) => {
      for (let opening = 0; opening < 3; opening++) {
        await session.open();
        await session.tell((runtime) =>
          runtime.createWorker({ workerId: `w${opening}`, intent: { kind: "task", objective: text(size) } })
        );
        await session.close();
      }
    },
  },
  {
    name: "runs",
    base: "killed",
    run: async (session, size) => {
      await session.open();
      await work(session, "a", size);
      await session.tell((runtime) => runtime.flush());
      await session.ask("b", (worker) => worker.beginRun());
      await session.tell((runtime) => runtime.record("host.note", { length: size }));
      await session.reopen();
      await work(session, "b", 30);
      await session.close();
    },
  },
  {
    name: "purge",
    base: "closed",
    run: async (session, size) => {
      await session.open();
      await talk(session, "a", 2, size);
      await replace(session, "a", 60);
      await session.read("a");
      await session.reopen();
      await replace(session, "a", size);
      await session.tell((runtime) => runtime.flush());
      await session.close();
    },
  },
  {
    name: "give-up",
    base: "closed",
    run: async (session, size) => {
      await session.open();
      await session.ask("b", (worker) => worker.stop());
      await session.ask("b", (worker) => worker.purge());
      await talk(session, "a", 2, size);
      await session.reopen();
      await session.ask("a", (worker) => worker.retire({ cancelRun: true }));
      await session.ask("a", (worker) => worker.purge());
      await session.close();
    },
  },
  {
    name: "prune",
    base: "long",
    run: async (session, size) => {
      await session.open();
      await session.tell((runtime) => runtime.prune());
      await talk(session, "a", 2, size);
      await session.reopen();
      await session.tell((runtime) => runtime.prune());
      await session.tell((runtime) => runtime.events({ limit: 20 }));
      await session.close();
    },
  },
  {
    name: "transcripts",
    base: "closed",
    limits: { transcriptBufferBytes: 4_096 },
    run: async (session, size) => {
      await session.open();
      for (const workerId of ["c", "d"]) {
        await session.tell((runtime) => runtime.createWorker({ workerId, intent: { kind: "assistant" } }));
      }
      for (const workerId of ["a", "c", "d", "a"]) {
        await talk(session, workerId, 1, 1_500 + size);
        await session.read(workerId);
      }
      await session.reopen();
      for (const workerId of ["a", "d"]) await session.read(workerId);
    },
  },
  {
    name: "keys",
    base: "closed",
    run: async (session, size) => {
      await session.open();
      await session.keyed("a", "k-1", text(size));
      await session.keyed("a", "k-1", text(size));
      await session.keyed("b", "k-2", "two");
      await session.reopen();
      await session.keyed("a", "k-1", text(size));
      await session.tell((runtime) => runtime.retire({ reason: "enough" }));
      await session.close();
    },
  },
  {
    name: "after-a-crash",
    base: "torn",
    run: async (session, size) => {
      await session.open();
      await talk(session, "a", 2, size);
      await session.read("a");
      await session.reopen();
      await session.close();
    },
  },
  {
    name: "half-cut",
    base: "halfCut",
    run: async (session, size) => {
      await session.open();
      await talk(session, "b", 1, size);
    },
  },
  {
    name: "begun-segment",
    base: "begunSegment",
    run: async (session, size) => {
      await session.open();
      await talk(session, "b", 1, size);
      await session.close();
    },
  },
  {
    name: "empty-segment",
    base: "emptySegment",
    run: async (session, size) => {
      await session.open();
      await talk(session, "b", 1, size);
    },
  },
  {
    name: "written",
    base: "closed",
    durability: "written",
    run: async (session, size) => {
      await session.open();
      await talk(session, "a", 3, size);
      await burst(session, "b", 4, 200);
      await talk(session, "a", 4, 1_200);
      await session.close();
    },
  },
  {
    name: "slow-device",
    base: "closed",
    slow: true,
    run: async (session, size) => {
      await session.open();
      await talk(session, "a", 3, size);
      await burst(session, "b", 4, 200);
      await talk(session, "a", 4, 1_200);
      await session.close();
    },
  },
  {
    name: "no-directory-sync",
    base: "closed",
    directorySync: false,
    run: async (session, size) => {
      await session.open();
      await talk(session, "a", 2, size);
      await work(session, "b", 300);
      await session.close();
    },
  },
  {
    name: "healing",
    base: "damaged",
    run: async (session, size) => {
      await session.open();
      await session.read("a");
      await session.tell((runtime) => runtime.flush());
      await talk(session, "a", 1, size);
      await session.read("b");
      await session.close();
    },
  },
  {
    name: "healing-pruned",
    base: "pruned",
    run: async (session, size) => {
      await session.open();
      // The sync of a transcript fails: entries after its synced part are restored from the log.
      session.trouble = failAt(
        1,
        "EIO",
        "once",
        ({ operation, path }) => operation === "syncData" && path.endsWith("/a/transcript.jsonl"),
      );
      // Enough for a checkpoint, which is when transcripts are synced.
      await talk(session, "a", 9, 1_400 + size);
      await session.read("a");
      await session.close();
    },
  },
  {
    name: "lost-end",
    base: "lostEnd",
    durability: "written",
    run: async (session, size) => {
      await session.open();
      await session.read("a");
      await talk(session, "a", 1, size);
      await session.close();
    },
  },
  {
    name: "second-checkpoint",
    base: "lostCheckpoint",
    run: async (session, size) => {
      await session.open();
      await talk(session, "b", 2, size);
      await session.close();
    },
  },
  {
    name: "odd-kinds",
    base: "odd",
    run: async (session, size) => {
      await session.open();
      await session.read("a");
      await session.read("b");
      await talk(session, "b", 2, size);
      await session.tell((runtime) => runtime.flush());
      await session.close();
    },
  },
  {
    name: "full-quarantine",
    base: "fullQuarantine",
    limits: { quarantineFiles: 4 },
    run: async (session, size) => {
      await session.open();
      await talk(session, "b", 2, size);
      await session.read("a");
      await session.close();
    },
  },
  {
    name: "unfinished",
    base: "unfinished",
    run: async (session, size) => {
      await session.open();
      await session.tell((runtime) => runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } }));
      await talk(session, "a", 2, size);
    },
  },
  {
    name: "commits",
    base: "closed",
    run: async (session, size) => {
      await session.open();
      const labels = { phase: "one", gone: "soon" };
      const commit = {
        entries: [user(text(size))],
        data: { first: true },
        usage: { model: "m-1", requests: 1 },
      };
      const spec = { workerId: "c", intent: { kind: "assistant" }, labels } as const;
      await session.tell((runtime) => runtime.createWorker(spec, { commit, key: "c" }));
      await commitAll(session, "c", size);
      await session.tell((runtime) => runtime.ensureWorker(spec));
      const open = await session.ask("b", (worker) => worker.beginRun());
      await session.ask("b", (worker) => worker.stop({ cancelRun: true, reason: "pause" }));
      if (open !== undefined) await session.tell(() => open.cancel().catch(rejectedAs("run_ended")));
      await session.ask("b", (worker) => worker.commit({ usage: { model: "m-1", outputTokens: 1 } }));
      await session.ask("b", (worker) => worker.restart());
      await commitAll(session, "b", 40);
      await session.ask("b", (worker) => worker.compact({ through: 1, summary: says(text(size)) }));
      await session.ask("b", (worker) => worker.beginRun());
      await session.reopen();
      await session.ask("b", (worker) => worker.rewind({ toSeq: 0 }, { cancelRun: true }));
      await session.ask("c", (worker) => worker.commit({ labels: { gone: null }, displayName: null }));
      await session.ask("c", (worker) => worker.retire());
      await session.read("b");
      await session.close();
    },
  },
  {
    name: "ensure",
    base: "nothing",
    run: async (session, size) => {
      for (let opening = 0; opening < 2; opening++) {
        await session.open();
        await session.tell((runtime) =>
          runtime.ensureWorker({ workerId: "a", intent: { kind: "assistant" } }, {
            commit: { entries: [{ role: "tool", content: large }, user(text(size))], data: { opening } },
          })
        );
        await session.read("a");
        await session.close();
      }
    },
  },
  ...([["creations", "synced"], ["creations-written", "written"]] as const).map(([name, durability]) => ({
    name,
    base: "closed",
    ...(durability === "written" ? { durability } : {}),
    // An id that another creation took first.
    refusals: ["worker_exists"],
    run: async (session: Session, size: number) => {
      await session.open();
      await createLarge(session, "c", size, "c");
      await createLarge(session, "c", size, "c");
      await Promise.all([
        createLarge(session, "d", size),
        session.tell((runtime) => runtime.createWorker({ workerId: "d", intent: { kind: "assistant" } })),
        createLarge(session, "e", 40),
        talk(session, "c", 1, size),
      ]);
      await session.ask("c", (worker) => worker.stop());
      await Promise.all([session.ask("c", (worker) => worker.purge()), createLarge(session, "c", 50)]);
      await session.read("c");
      await session.reopen();
      await createLarge(session, "f", size);
      await session.read("f");
      await session.close();
    },
  } satisfies Workload)),
  {
    name: "forks",
    base: "blobs",
    run: async (session, size) => {
      await session.open();
      const fork = (source: string, workerId: string, atSeq?: number) =>
        session.tell((runtime) => runtime.forkWorker(source, { workerId, atSeq }, { key: workerId }));
      await fork("a", "f");
      await talk(session, "f", 2, size);
      await Promise.all([fork("f", "g", 2), talk(session, "f", 1, 40), fork("f", "h")]);
      await session.ask("f", (worker) => worker.stop());
      await Promise.all([session.ask("f", (worker) => worker.purge()), createLarge(session, "f", 50)]);
      await session.read("h");
      await session.reopen();
      await fork("a", "f");
      await talk(session, "h", 1, size);
      await session.ask("h", (worker) => worker.removeUnreferencedBlobs());
      await session.read("h");
      await session.read("g");
      await session.close();
    },
    refusals: ["worker_exists"],
    forks: ["f", "g", "h"],
  },
  {
    name: "blobs",
    base: "closed",
    run: async (session, size) => {
      await session.open();
      await show(session, "a", bytesOf(text(size)));
      await Promise.all([
        show(session, "a", streamOf(text(300), "", text(size))),
        show(session, "b", new Blob([text(700)])),
        session.put("b", bytesOf("loose")),
      ]);
      await session.read("a");
      await session.tell((runtime) => runtime.flush());
      await show(session, "a", bytesOf(text(size)));
      await session.reopen();
      await show(session, "b", bytesOf("loose"));
      await session.read("b");
    },
  },
  {
    name: "blob-references",
    base: "blobs",
    run: async (session, size) => {
      await session.open();
      const page = await session.ask("a", (worker) => worker.transcript({ limit: 5 }));
      const refs = page?.items.flatMap(({ blobs = [] }) => blobs) ?? [];
      for (const blob of refs) {
        await session.ask("a", (worker) => worker.sendInput({ ...user(text(size)), blobs: [blob] }));
      }
      // The same bytes again, while an entry refers to those of before.
      await Promise.all([
        show(session, "a", bytesOf(pictures.first)),
        ...refs.map((blob) =>
          session.ask("a", (worker) => worker.append([{ ...says("again"), blobs: [blob] }]))
        ),
      ]);
      await session.read("a");
      await session.close();
    },
  },
  {
    name: "large-content",
    base: "closed",
    run: async (session, size) => {
      await session.open();
      await Promise.all([
        session.ask(
          "a",
          (worker) => worker.append([{ role: "tool", content: { text: large } }, says("one")]),
        ),
        session.ask("a", (worker) => worker.append([says(text(size))])),
        session.ask("a", (worker) => worker.commit({ data: { size } })),
      ]);
      await session.read("a");
      await session.reopen();
      await session.read("a");
    },
  },
  {
    name: "unreferenced",
    base: "blobs",
    run: async (session, size) => {
      await session.open();
      await session.put("a", bytesOf(text(size)));
      await session.ask("a", (worker) => worker.removeUnreferencedBlobs({ dryRun: true }));
      await Promise.all([
        session.ask("a", (worker) => worker.removeUnreferencedBlobs()),
        session.ask("b", (worker) => worker.removeUnreferencedBlobs()),
        session.put("b", bytesOf(pictures.loose)),
      ]);
      await show(session, "a", bytesOf(pictures.loose));
      await session.reopen();
      await session.ask("a", (worker) => worker.removeUnreferencedBlobs());
      await session.read("a");
      await session.close();
    },
  },
  {
    name: "purge-blobs",
    base: "blobs",
    // The put, if the purge overtakes it.
    refusals: ["worker_not_found"],
    run: async (session, size) => {
      await session.open();
      await replace(session, "a", size);
      await show(session, "a", bytesOf(pictures.first));
      await session.read("a");
      await session.reopen();
      await show(session, "a", bytesOf(text(size)));
      await session.ask("b", (worker) => worker.stop());
      // A put of the earlier life is under way.
      await Promise.all([
        session.put("a", streamOf("late", text(size))),
        session.ask("a", (worker) => worker.retire()),
        session.ask("a", (worker) => worker.purge()),
        session.tell((runtime) => runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } })),
        session.ask("b", (worker) => worker.purge()),
      ]);
      await show(session, "a", bytesOf("a new life"));
      await session.abandon();
      await session.open();
      await session.read("a");
      await session.close();
    },
  },
  {
    name: "purge-blobs-written",
    base: "foreignBlob",
    durability: "written",
    run: async (session, size) => {
      await session.open();
      await replace(session, "a", size);
      await show(session, "a", bytesOf(pictures.first));
      await session.ask("b", (worker) => worker.removeUnreferencedBlobs());
      await session.close();
    },
  },
  {
    name: "begun-blob",
    base: "begunBlob",
    run: async (session, size) => {
      await session.open();
      await show(session, "a", bytesOf("never named"));
      await show(session, "b", bytesOf(text(size)));
      await session.close();
    },
  },
  {
    name: "damaged-blobs",
    base: "damagedBlobs",
    run: async (session, size) => {
      await session.open();
      for (const workerId of ["a", "b"]) await session.read(workerId);
      await talk(session, "a", 1, size);
      await show(session, "a", bytesOf(pictures.first));
      await show(session, "a", bytesOf(pictures.second));
      await session.ask("b", (worker) => worker.append([{ role: "tool", content: [large] }]));
      for (const workerId of ["a", "b"]) await session.read(workerId);
      await session.close();
    },
  },
  {
    name: "drafts",
    base: "long",
    run: async (session, size) => {
      await session.open();
      await stream(session, "a", size);
      await session.tell((runtime) => runtime.prune());
      await session.reopen();
      await talk(session, "b", 2, size);
      await session.reopen();
      await session.tell((runtime) => runtime.prune());
      const draft = (await session.ask("a", (worker) => worker.draft()))?.text;
      const run = await session.ask("a", (worker) => worker.beginRun({ draft }));
      if (run !== undefined) {
        await session.tell(() => run.commit({ entries: [says("all of it")], draft: null }));
        await session.tell(() => run.finish("completed"));
      }
      await stream(session, "b", 40);
      await session.close();
    },
  },
];
