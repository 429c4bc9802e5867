/**
 * Calls on the simulated disk: always counted, listed on request. Suites use it to
 * prove that every call of the store was made to fail once.
 *
 * @module
 */

/** The calls of `FileSystem` and its parts; `fileStat` is `stat` of an open file, `handleIdentity` that of a handle. */
export type DiskOperation =
  | "open"
  | "stat"
  | "identity"
  | "handleIdentity"
  | "openDirectory"
  | "list"
  | "ensureDirectory"
  | "makeDirectory"
  | "remove"
  | "removeDirectory"
  | "rename"
  | "syncDirectory"
  | "lock"
  | "release"
  | "read"
  | "write"
  | "truncate"
  | "fileStat"
  | "syncDataNow"
  | "syncData"
  | "sync"
  | "close";

/** One call. */
export interface DiskCall {
  /** 1 for the first call of this disk, and so on. */
  readonly index: number;
  readonly operation: DiskOperation;
  /** The path, or the one by which the file was opened. */
  readonly path: string;
  /** The target of a rename. */
  readonly to?: string;
  /** Byte offset of a read, write or truncation. */
  readonly position?: number;
  /** Bytes to read or write. */
  readonly length?: number;
}

/** A call before it has a number. */
export type CallDetail = Omit<DiskCall, "index">;

/** `calls` lists every call; `sites` also counts the places in the code that made them, which is slow. */
export type Trace = "counts" | "calls" | "sites";

/** The calls of one disk. */
export class CallLog {
  /** All calls, if `trace` requests them. */
  readonly entries: DiskCall[] = [];
  /** Calls by location in the code (`src/fs/x.ts:12:8`), if `trace` requests them. */
  readonly sites: Map<string, number> = new Map();
  readonly #counts = new Map<DiskOperation, number>();
  readonly #trace: Trace;
  #total = 0;

  constructor(trace: Trace) {
    this.#trace = trace;
  }

  /** Returns the number of calls, of this kind or in total. */
  count(operation?: DiskOperation): number {
    return operation === undefined ? this.#total : this.#counts.get(operation) ?? 0;
  }

  /** Returns the kinds of calls that were made. */
  operations(): DiskOperation[] {
    return [...this.#counts.keys()];
  }

  /** Counts a call and returns its number. */
  add(call: CallDetail): number {
    const index = ++this.#total;
    this.#counts.set(call.operation, (this.#counts.get(call.operation) ?? 0) + 1);
    if (this.#trace !== "counts") this.entries.push({ index, ...call });
    if (this.#trace === "sites") {
      const site = callSite();
      this.sites.set(site, (this.sites.get(site) ?? 0) + 1);
    }
    return index;
  }
}

/** Returns the first location on the stack outside the simulated disk. */
function callSite(): string {
  const lines = new Error().stack?.split("\n").slice(1) ?? [];
  const line = lines.find((frame) => !/\/tests\/disk\/[a-z_]+(?<!_test)\.ts:/.test(frame)) ?? "";
  return /((?:[\w.-]+\/){0,2}[\w.-]+:\d+:\d+)\)?$/.exec(line)?.[1] ?? line.trim();
}
