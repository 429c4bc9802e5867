/**
 * Bugs in blobs, in content that is kept as blobs, in commits and in runs that own
 * their writes.
 *
 * @module
 */
import type { Mutant } from "./mutants.ts";

/** All of them. */
export const blobMutants: readonly Mutant[] = [
  {
    name: "a blob gets its name before its bytes are synced",
    file: "fs/blobs/blobs.ts",
    find: '  await guardedAsync("sync", path, () => file.sync());\n',
    replace: "",
    first: ["crash-states"],
  },
  {
    name: "the name of a blob is not synced",
    file: "fs/blobs/blobs.ts",
    find: "      await fs.syncDirectory(blobs);\n      this.#assertNames({ path, file });",
    replace: "      this.#assertNames({ path, file });",
    first: ["crash-states"],
  },
  {
    name: "a purge leaves the blobs",
    file: "fs/workers/directories.ts",
    find: "left.push(...keepsBlobs ? [] : removeBlobs(fs, path));",
    replace: "left.push(...keepsBlobs ? [] : [removeBlobs.name].slice(1));",
    first: ["crash-states", "interleavings"],
  },
  {
    name: "the bytes of a blob are not compared with its hash",
    file: "core/blob_stream.ts",
    find: '  if (await hash.digest("hex") !== sha256) throw',
    replace: '  if (hash.digest("hex").length !== sha256.length) throw',
    first: ["corruption"],
  },
  {
    name: "a removal takes blobs that were put since the opening",
    file: "core/blobs.ts",
    find: "!references.has(sha256) && !used.has(sha256)",
    replace: "!references.has(sha256) && used.size >= 0",
    first: ["interleavings"],
  },
  {
    name: "a removal takes blobs that entries refer to",
    file: "core/blobs.ts",
    find: "!references.has(sha256) && !used.has(sha256)",
    replace: "references.size >= 0 && !used.has(sha256)",
    first: ["interleavings"],
  },
  {
    name: "a removal forgets contents that are kept as blobs",
    file: "core/worker.ts",
    find: "of blobRefsOf(entry)) references.add(sha256);",
    replace: "of entry.blobs ?? []) references.add(sha256);",
    first: ["interleavings"],
  },
  {
    name: "a command overtakes an earlier one whose content is kept first",
    file: "core/engine.ts",
    find: "    const isReady = copy === undefined && !this.#preparing.has(workerId) &&\n      (entries",
    replace: "    const isReady = copy === undefined &&\n      (entries",
    first: ["interleavings"],
  },
  {
    name: "a run that has ended still writes",
    file: "core/decide.ts",
    find: "worker.run?.eventId === run.eventId) return;",
    replace: "worker.run?.runId === run.runId || worker.run === null) return;",
    first: ["model"],
    share: 0.1,
  },
  {
    name: "a commit of several members loses the usage",
    file: "core/evolve.ts",
    find: "  if (usage !== undefined) Object.assign(next, withUsage(state, usage));",
    replace: "  if (usage !== undefined && data === undefined) Object.assign(next, withUsage(state, usage));",
    first: ["model"],
  },
  {
    name: "a rewind to 0 leaves the summary",
    file: "core/context.ts",
    find: "if (toSeq === 0) return { ...WHOLE, version,",
    replace: "if (toSeq === 0) return { ...WHOLE, summary, version,",
    first: ["model"],
  },
  {
    name: "a label that is removed stays",
    file: "core/evolve.ts",
    find: 'mergePatch(state.labels, labels) as WorkerState["labels"]',
    replace: '({ ...state.labels, ...mergePatch({}, labels) as object }) as WorkerState["labels"]',
    first: ["model"],
  },
  {
    name: "a stop that cancels a run does not end it",
    file: "core/decide.ts",
    find: "  const cancelled = run !== undefined && requested.cancelsRun\n",
    replace: "  const cancelled = run !== undefined && requested.cancelsRun && requested.life === 0\n",
    first: ["model"],
  },
];
