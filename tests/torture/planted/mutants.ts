/**
 * Bugs to plant: each is a small change of the store's source that a suite must
 * detect. A text that is not found is an error: the list must follow the code.
 *
 * @module
 */
import { blobMutants } from "./blob_mutants.ts";
import { pathMutants } from "./path_mutants.ts";
import { postgresMutants } from "./postgres_mutants.ts";

/** A bug to plant. */
export interface Mutant {
  /** Description of the defect. */
  readonly name: string;
  /** The file, below `src/`. */
  readonly file: string;
  /** The text to replace, which must be there exactly once. */
  readonly find: string;
  /** Replacement text. */
  readonly replace: string;
  /** Suites to run first; then all others. */
  readonly first?: readonly string[];
  /** Share of those first suites to run, if the usual few seconds are not enough. */
  readonly share?: number;
}

/** All of them. */
export const mutants: readonly Mutant[] = [
  ...pathMutants,
  ...blobMutants,
  ...postgresMutants,
  {
    name: "nothing is synced",
    file: "fs/log/sync_clock.ts",
    find: "if (inline) file.syncDataNow();",
    replace: "if (inline) void file;",
    first: ["programs"],
  },
  {
    name: "a command resolves before its event is durable",
    file: "core/group_commit.ts",
    find: "    if (records.length > 0) await this.#append(draft, heads, records);",
    replace: "    for (const waiting of taken) settle(waiting);\n" +
      "    if (records.length > 0) await this.#append(draft, heads, records);",
    first: ["faults"],
  },
  {
    name: "the name of a new segment is not synced",
    file: "fs/log/writer.ts",
    find: "      await file.sync();\n      await this.#place.fs.syncDirectory(this.#place.layout.events);",
    replace: "      await file.sync();",
    first: ["programs"],
  },
  {
    name: "the header of a segment is not synced before events follow",
    file: "fs/log/writer.ts",
    find: "      await file.sync();\n      await this.#place.fs.syncDirectory(this.#place.layout.events);",
    replace: "      await this.#place.fs.syncDirectory(this.#place.layout.events);",
    first: ["crash-states"],
  },
  {
    name: "checksums are not compared",
    file: "fs/lines/codec.ts",
    find: "    if (bytes[place] !== hexDigits[crc & 15]) return false;",
    replace: "    if (bytes[place] === 0) return false;",
    first: ["crash-states"],
  },
  {
    name: "a failed sync is tried again",
    file: "fs/log/writer.ts",
    find: "      await this.#clock.sync(file);\n",
    replace: "      await this.#clock.sync(file).catch(() => this.#clock.sync(file));\n",
    first: ["faults"],
  },
  {
    name: "the writer goes on behind an end in doubt",
    file: "fs/recovery/open.ts",
    find: "  if (!isClean) await writer.startSegment();",
    replace: "",
    first: ["crash-states"],
  },
  {
    name: "a torn tail is not cut",
    file: "fs/recovery/tail.ts",
    find: "      if (tail !== undefined || end.paddingBytes > 0) file.truncate(end.offset);",
    replace: "",
    first: ["crash-states"],
  },
  {
    name: "a torn tail is cut without a copy in quarantine",
    file: "fs/recovery/tail.ts",
    find: '    const kept = tail.bytes > 0 ? await quarantine.keep(path, offset, offset + tail.bytes) : "";',
    replace: '    const kept = "";\n    void [quarantine, offset];',
    first: ["crash-states"],
  },
  {
    name: "a copy in quarantine is not synced before the cut",
    file: "fs/quarantine.ts",
    find: "[bytes], { durable: true });",
    replace: "[bytes], { durable: false });",
    first: ["crash-states", "recovery-crashes"],
  },
  {
    name: "quarantine has no bounds",
    file: "fs/quarantine.ts",
    find: "      if (files < quarantineFiles && total <= quarantineBytes) break;",
    replace: "      if (quarantineBytes > 0) break;",
    first: ["crash-states", "recovery-crashes"],
  },
  {
    name: "lines in doubt are not written again",
    file: "fs/recovery/tail.ts",
    find:
      "      writeAll(file, readBytes(file, end.doubtOffset, end.offset - end.doubtOffset), end.doubtOffset);",
    replace: "      void [writeAll, readBytes];",
    first: ["faults"],
  },
  {
    name: "a short write counts as a whole one",
    file: "fs/disk/files.ts",
    find: "    written += count;",
    replace: "    written = bytes.length;",
    first: ["faults"],
  },
  {
    name: "a failed write is not cut off",
    file: "fs/log/writer.ts",
    find: "      this.#cutBack(file);\n",
    replace: "",
    first: ["faults"],
  },
  {
    name: "the cut of a failed write is not synced",
    file: "fs/log/writer.ts",
    find: "      this.#size = this.#offset;\n      file.syncDataNow();",
    replace: "      this.#size = this.#offset;",
    first: ["faults"],
  },
  {
    name: "a line says that its own batch was synced",
    file: "fs/log/writer.ts",
    find: "this.#lines.encode(events, this.#syncedEventId)",
    replace: "((all) => ({ bytes: Uint8Array.from(all.flatMap(({ bytes }) => [...bytes])), " +
      "lines: all.flatMap(({ lines }) => lines) }))" +
      "(events.map((event) => this.#lines.encode([event], event.id - 1)))",
    first: ["crash-states"],
  },
  {
    name: "a line says nothing of what was synced",
    file: "fs/log/writer.ts",
    find: "this.#lines.encode(events, this.#syncedEventId)",
    replace: "this.#lines.encode(events, 0)",
    first: ["corruption"],
  },
  {
    name: "nobody looks whether the file is still the writer's own",
    file: "fs/log/writer.ts",
    find: "    if (size === this.#size) return;",
    replace: "    if (size >= 0) return;",
    first: ["faults"],
  },
  {
    name: "the lock is released while the store is still writing",
    file: "fs/store.ts",
    find: "    this.#timer.stop();\n    try {",
    replace: "    this.#timer.stop();\n    this.#place?.lock.release();\n    try {",
    first: ["faults"],
  },
  {
    name: "a projection that lags is accepted",
    file: "fs/workers/projections.ts",
    find: "(through === 0 || content.through === through)) return false;",
    replace: "content.through !== undefined) return false;",
    first: ["crash-states"],
  },
  {
    name: "a projection that could not be written is forgotten",
    file: "fs/workers/projections.ts",
    find: "      this.#markDirty(workerId);\n      this.#failed(error, workerId);",
    replace: "      this.#failed(error, workerId);",
    first: ["faults"],
  },
  {
    name: "a checkpoint counts transcripts that are not synced",
    file: "fs/store.ts",
    find: "this.#transcripts.withSynced(lengths)",
    replace: "lengths",
    first: ["faults"],
  },
  {
    name: "a checkpoint counts a transcript whose sync failed",
    file: "fs/transcripts/state.ts",
    find: 'current?.state.kind === "lost" || ',
    replace: "",
    first: ["faults"],
    share: 0.5,
  },
  {
    name: "a checkpoint forgets the entries that wait",
    file: "fs/transcripts/transcript.ts",
    find: "      transcriptLength: state.entries + waiting.entries,",
    replace: "      transcriptLength: state.entries,",
    first: ["model"],
    share: 0.2,
  },
  {
    name: "a checkpoint points behind later events",
    file: "fs/store.ts",
    find: "        snapshot,\n        position,",
    replace: "        snapshot,\n        position: writer.position,",
    first: ["crash-states"],
  },
  {
    name: "a checkpoint takes its name before it is synced",
    file: "fs/checkpoint/checkpoint.ts",
    find: "sealInSlices(texts(runtimeId, content)), { durable: true }",
    replace: "sealInSlices(texts(runtimeId, content)), { durable: false }",
    first: ["crash-states"],
  },
  {
    name: "the checksum of a checkpoint is not compared",
    file: "fs/checkpoint/checkpoint.ts",
    find: "end < 0 || trailer !== expected",
    replace: "end < 0 || trailer.length !== expected.length",
    first: ["crash-states"],
  },
  {
    name: "a damaged checkpoint takes the place of the one before",
    file: "fs/checkpoint/checkpoints.ts",
    find: "this.#currentIsGood && fs.stat(checkpoint)",
    replace: "fs.stat(checkpoint)",
    first: ["faults"],
  },
  {
    name: "pruning takes what the older checkpoint needs",
    file: "fs/store.ts",
    find: "Math.min(through, this.#checkpoints.lastUnneeded())",
    replace: "through",
    first: ["programs"],
  },
  {
    name: "pruning takes the segment that the older checkpoint begins with",
    file: "fs/checkpoint/checkpoints.ts",
    find: "Math.min(first, eventId)) - 1;",
    replace: "Math.min(first, eventId));",
    first: ["model"],
  },
  {
    name: "the end of a segment is remembered from when it was the last",
    file: "fs/log/pages.ts",
    find: "if (known !== undefined && (isLast || known[1] !== undefined)) return known;",
    replace: "if (known !== undefined) return known;",
    first: ["model"],
  },
  {
    name: "a page of waiting lines begins behind the line that holds its first entry",
    file: "fs/transcripts/transcript.ts",
    find: "if (seq + count > from)",
    replace: "if (seq >= from)",
    first: ["model"],
  },
  {
    name: "pruning removes the newest segment first",
    file: "fs/log/segments.ts",
    find: "  for (const path of gone.map((segment) => segmentPath(layout, segment))) {",
    replace: "  for (const path of gone.map((segment) => segmentPath(layout, segment)).toReversed()) {",
    first: ["crash-states"],
  },
  {
    name: "a purge leaves the worker's files",
    file: "fs/workers/directories.ts",
    find: "= removeWorker(this.#place, workerId, keepsBlobs);",
    replace: "= [removeWorker.name].slice(1);",
    first: ["crash-states"],
  },
  {
    name: "a checkpoint covers a purge that a crash can undo",
    file: "fs/store.ts",
    find: "    this.#namesUnsynced = true;\n    this.#purged",
    replace: "    this.#purged",
    first: ["crash-states"],
  },
  {
    name: "the name of a transcript that is found counts as synced",
    file: "fs/transcripts/transcript.ts",
    find: "  #nameUnsynced = true;\n",
    replace: "  #nameUnsynced = false;\n",
    first: ["recovery-crashes"],
  },
  {
    name: "what an opening finds is not made durable",
    file: "fs/recovery/place.ts",
    find: "  await syncDirectories(place, options.root);\n",
    replace: "  void syncDirectories;\n",
    first: ["recovery-crashes"],
  },
  {
    name: "keys are forgotten by a checkpoint",
    file: "core/snapshots.ts",
    find: "    const part = { state, keys: keyRows(tables[index]) };",
    replace: "    const part = { state, keys: keyRows(index < 0 ? tables[index] : undefined) };",
    first: ["programs"],
  },
  {
    name: "a run goes on after its process is gone",
    file: "core/opening.ts",
    find: "    if (run === null) continue;",
    replace: "    if (run === null || epoch > 0) continue;",
    first: ["programs"],
  },
  {
    name: "a batch that failed is remembered as done",
    file: "core/group_commit.ts",
    find: "    const result = await this.#store.append(",
    replace: "    draft.adopt();\n    const result = await this.#store.append(",
    first: ["faults"],
  },
  {
    name: "an event may carry any id",
    file: "fs/log/scan.ts",
    find: "found.id !== lastEventId + 1 || found.durable >= found.id",
    replace: "found.durable >= found.id",
    first: ["corruption"],
  },
  {
    name: "damage that a later line disproves is cut off as torn",
    file: "fs/log/tail_table.ts",
    find: "    applies: ({ k, durableAfter }) => durableAfter >= k,",
    replace: "    applies: ({ k, durableAfter }) => durableAfter < 0 && k < 0,",
    first: ["corruption"],
  },
  {
    name: "a transcript that holds more than the log is no witness",
    file: "fs/log/tail_table.ts",
    find: "    applies: ({ k, witnessedThrough }) => witnessedThrough >= k,",
    replace: "    applies: ({ k, witnessedThrough }) => witnessedThrough < 0 && k < 0,",
    first: ["corruption"],
  },
  {
    name: "pages are read without a look at checksums",
    file: "fs/lines/pages.ts",
    find: "number === 0 || !isIntact(bytes, start, end)",
    replace: "number === 0 || isIntact(bytes, start, start)",
    first: ["corruption"],
  },
  {
    name: "the file of another runtime is accepted",
    file: "fs/lines/sealed.ts",
    find: "  if (content.runtimeId !== seal.runtimeId) {",
    replace: "  if (content.runtimeId === undefined) {",
    first: ["faults"],
  },
];
