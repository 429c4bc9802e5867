// deno-lint-ignore-file camelcase -- error codes are the contract, and are written as they are read
/**
 * Errors: one class, a closed set of codes, typed details. The code is the
 * contract; the message is for people and reads "Cannot <do> <thing>: <state>".
 * `TypeError` and `RangeError` are left for bugs of the caller.
 *
 * @module
 */

/** Where in a file something was found. */
export interface FileSpot {
  /** Path of the file, relative to the directory of the runtime. */
  readonly file: string;
  /** Byte offset of the first byte concerned. */
  readonly byteOffset?: number;
  /** First and last event id concerned, where known. */
  readonly eventIds?: readonly [first: number, last: number];
}

/** What each error code carries in `details`. */
export interface RuntimeErrorDetails {
  /** The arguments are not of the documented shape; nothing was written. */
  readonly invalid_request: { readonly issues: readonly string[] };
  /** The runtime was stopped for good; its data stays readable. */
  readonly runtime_stopped: { readonly runtimeId: string };
  /** The runtime or store was closed. */
  readonly runtime_closed: { readonly runtimeId: string };
  /** The reference names another runtime. */
  readonly wrong_runtime: { readonly expected: string; readonly actual: string };
  /** No such worker. */
  readonly worker_not_found: { readonly workerId: string };
  /** The worker id is in use. */
  readonly worker_exists: { readonly workerId: string };
  /** A run is open. */
  readonly worker_busy: { readonly workerId: string; readonly runId: string };
  /** The worker is stopped or cancelled, or the run is not the open one. */
  readonly worker_not_running: { readonly workerId: string; readonly status: string };
  /** `expect` does not hold. */
  readonly conflict: { readonly expected: number; readonly actual: number };
  /** The idempotency key was used for other content. */
  readonly key_reused: { readonly key: string; readonly eventId: number };
  /** A bound of `limits` was passed. */
  readonly limit_exceeded: { readonly limit: string; readonly max: number; readonly actual: number };
  /** The cursor lies before the first kept event. */
  readonly cursor_expired: { readonly after: number; readonly firstEventId: number };
  /** The file system refused an operation. */
  readonly store_io: { readonly operation: string; readonly path: string; readonly systemCode: string };
  /** The disk or the quota is full. The command may be repeated once there is space. */
  readonly no_space: { readonly operation: string; readonly path: string; readonly systemCode: string };
  /** A permission is missing; `flag` names the one of Deno to add, where it is Deno's. */
  readonly store_permission: { readonly operation: string; readonly path: string; readonly flag: string };
  /** There is no store at this place, and it is not empty either, or creating was not asked for. */
  readonly store_missing: { readonly path: string };
  /** Kept data is damaged; nothing was cut or changed. */
  readonly store_corrupt: FileSpot & { readonly reason: string };
  /** Written by a newer version of the format. */
  readonly store_version: { readonly file: string; readonly found: number; readonly supported: number };
  /** Another process (or another store of this one) has it open. */
  readonly store_locked: { readonly path: string; readonly owner: string };
  /** A file of the open store was removed, replaced or written by somebody else. Sticky. */
  readonly store_vanished: { readonly file: string; readonly reason: string };
  /** Another owner has taken the store over: `owner` describes it, `epoch` is its fence, 0 where unknown. Final. */
  readonly store_fenced: { readonly epoch: number; readonly owner: string };
  /** Durability of written data is in doubt; the store refuses everything until reopened. Sticky. */
  readonly store_poisoned: { readonly file: string; readonly reason: string };
}

/** The closed set of error codes. */
export type RuntimeErrorCode = keyof RuntimeErrorDetails;

const BRAND: symbol = Symbol.for("@yoi/worker-runtime/error");

/** An operating error of the runtime or of a store. Narrow it with {@linkcode isRuntimeError}. */
export class RuntimeError<Code extends RuntimeErrorCode = RuntimeErrorCode> extends Error {
  /** Always `"RuntimeError"`. */
  override readonly name = "RuntimeError";
  /** What went wrong; the contract to program against. */
  readonly code: Code;
  /** Facts that belong to the code; plain JSON. */
  readonly details: RuntimeErrorDetails[Code];

  /** Makes an error with its code, its message for people and its facts. */
  constructor(code: Code, message: string, details: RuntimeErrorDetails[Code], options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.details = details;
    Object.defineProperty(this, BRAND, { value: true });
  }
}

/** Any {@linkcode RuntimeError}, as a union told apart by `code`. */
export type AnyRuntimeError = { [Code in RuntimeErrorCode]: RuntimeError<Code> }[RuntimeErrorCode];

/**
 * Whether a value is an error of this library, also of another copy of it in
 * the same process.
 */
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

/** The error of a store that is used after it was closed. */
export function storeClosed(runtimeId: string): RuntimeError<"runtime_closed"> {
  const message = `Cannot use store of runtime ${JSON.stringify(runtimeId)}: it is closed`;
  return new RuntimeError("runtime_closed", message, { runtimeId });
}

/** An `invalid_request` for `action`, with what is wrong about it. */
export function invalidRequest(action: string, ...issues: string[]): RuntimeError<"invalid_request"> {
  return new RuntimeError("invalid_request", `Cannot ${action}: ${issues.join("; ")}`, { issues });
}

/** A `limit_exceeded` for `action`. */
export function limitExceeded(
  action: string,
  limit: string,
  max: number,
  actual: number,
): RuntimeError<"limit_exceeded"> {
  const message = `Cannot ${action}: ${limit} is ${actual}, at most ${max} are allowed`;
  return new RuntimeError("limit_exceeded", message, { limit, max, actual });
}

/** A `store_fenced` for a batch that follows event `after` where the last event is `last`. */
export function fencedAppend(after: number, last: number): RuntimeError<"store_fenced"> {
  const message = `Cannot append events after ${after}: the last one is ${last}, of another writer`;
  return new RuntimeError("store_fenced", message, { epoch: 0, owner: "another writer" });
}
