// deno-lint-ignore-file camelcase -- error codes are part of the interface
/**
 * Errors: one class, a closed set of codes, typed details. The code is the
 * contract; the message is for people and reads "Cannot <do> <thing>: <state>".
 * `TypeError` and `RangeError` indicate bugs of the caller.
 *
 * @module
 */

/** Location in a file. */
export interface FileSpot {
  /** Path of the file, relative to the directory of the runtime. */
  readonly file: string;
  /** Byte offset of the first byte concerned. */
  readonly byteOffset?: number;
  /** First and last event id concerned, if known. */
  readonly eventIds?: readonly [first: number, last: number];
}

/** `details` of each error code. */
export interface RuntimeErrorDetails {
  /** The arguments are not of the documented shape; nothing was written. */
  readonly invalid_request: { readonly issues: readonly string[] };
  /** The runtime was retired; its data stays readable. */
  readonly runtime_retired: { readonly runtimeId: string };
  /** The runtime or store was closed. */
  readonly runtime_closed: RuntimeErrorDetails["runtime_retired"];
  /** The reference names another runtime. */
  readonly wrong_runtime: { readonly expected: string; readonly actual: string };
  /** No such worker. */
  readonly worker_not_found: { readonly workerId: string };
  /** The worker id is in use. */
  readonly worker_exists: RuntimeErrorDetails["worker_not_found"];
  /** A run is open. */
  readonly worker_busy: { readonly workerId: string; readonly runId: string };
  /** The worker is stopped or retired. */
  readonly worker_not_running: { readonly workerId: string; readonly status: string };
  /** The run has ended. */
  readonly run_ended: { readonly workerId: string; readonly runId: string };
  /** The worker has no such blob. */
  readonly blob_missing: { readonly workerId: string; readonly sha256: string; readonly file: string };
  /** The file of a blob does not hold its bytes. */
  readonly blob_corrupt: {
    readonly workerId: string;
    readonly sha256: string;
    readonly file: string;
    readonly reason: string;
  };
  /** The expectation in `expect` is not met. */
  readonly conflict: { readonly expected: number; readonly actual: number };
  /** The idempotency key was used for other content. */
  readonly key_reused: { readonly key: string; readonly eventId: number };
  /** A bound of `limits` was exceeded. */
  readonly limit_exceeded: { readonly limit: string; readonly max: number; readonly actual: number };
  /** The cursor precedes the first kept event. */
  readonly cursor_expired: { readonly after: number; readonly firstEventId: number };
  /** An operation of the file system failed. */
  readonly store_io: { readonly operation: string; readonly path: string; readonly systemCode: string };
  /** The disk or the quota is full. The command may be repeated once space is available. */
  readonly no_space: RuntimeErrorDetails["store_io"];
  /** A permission is missing; `flag` names the missing permission of Deno, if it is one of Deno's. */
  readonly store_permission: { readonly operation: string; readonly path: string; readonly flag: string };
  /** The path contains no store, and it is not empty or creation was not requested. */
  readonly store_missing: { readonly path: string };
  /** Kept data is damaged; nothing was truncated or changed. */
  readonly store_corrupt: FileSpot & { readonly reason: string };
  /** Written by a newer version of the format, or with the feature `requires`, which this version does not have. */
  readonly store_version: {
    readonly file: string;
    readonly found: number;
    readonly supported: number;
    readonly requires?: string;
  };
  /** Another process (or another store in this process) has it open. */
  readonly store_locked: { readonly path: string; readonly owner: string };
  /** A file of the open store was removed, replaced or written by another program. Sticky. */
  readonly store_vanished: { readonly file: string; readonly reason: string };
  /** Another owner has taken over the store: `owner` describes it, `epoch` is its fence, 0 if unknown. Final. */
  readonly store_fenced: { readonly epoch: number; readonly owner: string };
  /** A failover of the database lost acknowledged events: it ends with `lastEventId`. Final. */
  readonly store_rolled_back: { readonly lastEventId: number; readonly acknowledged: number };
  /** The durability of written data is uncertain; the store rejects everything until reopened. Sticky. */
  readonly store_poisoned: RuntimeErrorDetails["store_vanished"];
}

/** The closed set of error codes. */
export type RuntimeErrorCode = keyof RuntimeErrorDetails;

const BRAND: symbol = Symbol.for("@yoi/worker-runtime/error");

/** An operating error of the runtime or of a store. Narrow it with {@linkcode isRuntimeError}. */
export class RuntimeError<Code extends RuntimeErrorCode = RuntimeErrorCode> extends Error {
  /** Always `"RuntimeError"`. */
  override readonly name = "RuntimeError";
  /** Code of the error; the contract to program against. */
  readonly code: Code;
  /** Details for the code; plain JSON. */
  readonly details: RuntimeErrorDetails[Code];

  /** Creates an error from its code, its message for people and its details. */
  constructor(code: Code, message: string, details: RuntimeErrorDetails[Code], options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.details = details;
    Object.defineProperty(this, BRAND, { value: true });
  }
}

/** Any {@linkcode RuntimeError}, as a union discriminated by `code`. */
export type AnyRuntimeError = { [Code in RuntimeErrorCode]: RuntimeError<Code> }[RuntimeErrorCode];

/** Returns true for an error of this library, including one of another copy of it in the same process. */
export function isRuntimeError(error: unknown): error is AnyRuntimeError {
  return error instanceof Error && Reflect.get(error, BRAND) === true;
}

/** Adds the file to a `store_corrupt` that names none; returns any other error unchanged. */
export function withSpot(error: unknown, spotOf: (eventId: number) => FileSpot | undefined): unknown {
  const isBare = isRuntimeError(error) && error.code === "store_corrupt" && error.details.file === "";
  const spot = isBare ? spotOf(error.details.eventIds?.[0] ?? 0) : undefined;
  if (!isBare || spot === undefined) return error;
  const at = spot.byteOffset === undefined ? "" : ` at byte ${spot.byteOffset}`;
  const message = `Cannot read ${JSON.stringify(spot.file)}${at}: ${error.details.reason}`;
  return new RuntimeError("store_corrupt", message, { ...error.details, ...spot }, { cause: error });
}

/** Creates the error of a store that is used after it was closed. */
export function storeClosed(runtimeId: string): RuntimeError<"runtime_closed"> {
  const message = `Cannot use store of runtime ${JSON.stringify(runtimeId)}: it is closed`;
  return new RuntimeError("runtime_closed", message, { runtimeId });
}

/** Creates an `invalid_request` for `action` with its issues. */
export function invalidRequest(action: string, ...issues: string[]): RuntimeError<"invalid_request"> {
  return new RuntimeError("invalid_request", `Cannot ${action}: ${issues.join("; ")}`, { issues });
}

/** Creates a `limit_exceeded` for `action`. */
export function limitExceeded(
  action: string,
  limit: string,
  max: number,
  actual: number,
): RuntimeError<"limit_exceeded"> {
  const message = `Cannot ${action}: ${limit} is ${actual}, at most ${max} are allowed`;
  return new RuntimeError("limit_exceeded", message, { limit, max, actual });
}

/** Creates a `store_fenced` for a batch that follows event `after` where the last event is `last`. */
export function fencedAppend(after: number, last: number): RuntimeError<"store_fenced"> {
  const message = `Cannot append events after ${after}: the last one is ${last}, of another writer`;
  return new RuntimeError("store_fenced", message, { epoch: 0, owner: "another writer" });
}

/** Creates a `blob_missing`; `file` is the path of its file, if blobs are files. */
export function blobMissing(workerId: string, sha256: string, file = ""): RuntimeError<"blob_missing"> {
  const state = file === "" ? "the worker has no such blob" : `${file} is missing`;
  const message = `Cannot read blob ${sha256} of worker ${JSON.stringify(workerId)}: ${state}`;
  return new RuntimeError("blob_missing", message, { workerId, sha256, file });
}

/** The error for events that are no longer kept. */
export function cursorExpired(after: number, firstEventId: number): RuntimeError<"cursor_expired"> {
  const message = `Cannot read events after ${after}: the oldest that is kept is ${firstEventId}`;
  return new RuntimeError("cursor_expired", message, { after, firstEventId });
}
