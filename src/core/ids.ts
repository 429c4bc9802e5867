/**
 * Identities. A worker is identified by its runtime id and worker id alone, never
 * by a path, name or socket.
 *
 * @module
 */
import { invalidRequest, RuntimeError } from "./errors.ts";
import { limits } from "./limits.ts";
import type { Shape } from "./shape.ts";
import { fitsBytes } from "./text.ts";

/** A runtime id: 1 to 80 bytes of well-formed UTF-8 in NFC, no control characters, not blank. */
export type RuntimeId = string & { readonly " brand": "RuntimeId" };

/** A worker id, unique in its runtime; the same form as a {@linkcode RuntimeId}. */
export type WorkerId = string & { readonly " brand": "WorkerId" };

/** The authoritative identity of a worker. */
export interface WorkerRef {
  /** The runtime that owns the worker. */
  readonly runtimeId: RuntimeId;
  /** The worker in that runtime. */
  readonly workerId: WorkerId;
}

/** A worker by its id, or by a reference of the same runtime. */
export type WorkerName = string | { readonly runtimeId: string; readonly workerId: string };

/** Printable ASCII, as most ids are: satisfies all rules, and is fast to check. */
const PLAIN_ID = new RegExp(`^[!-~][ -~]{0,${limits.idBytesMax - 1}}$`);

/** Returns the issue of `id` as an identity, or `undefined`. */
function idIssue(id: unknown): string | undefined {
  if (typeof id !== "string") return "it must be a string";
  if (PLAIN_ID.test(id)) return undefined;
  if (!id.isWellFormed()) return "it holds a lone surrogate";
  if (id.trim() === "") return "it is blank";
  if (!fitsBytes(id, limits.idBytesMax)) return `it is longer than ${limits.idBytesMax} bytes`;
  if (/\p{Cc}/u.test(id)) return "it holds a control character";
  if (id.normalize("NFC") !== id) return "it is not in Unicode normal form C";
  return undefined;
}

/** An identity. */
export const idShape: Shape = (value) => {
  const issue = idIssue(value);
  return issue === undefined ? undefined : [issue];
};

/** Validates a runtime id. Throws `invalid_request`. */
export function parseRuntimeId(id: string): RuntimeId {
  return parseId<RuntimeId>(id, "use runtime id");
}

/** Validates a worker id. Throws `invalid_request`. */
export function parseWorkerId(id: string): WorkerId {
  return parseId<WorkerId>(id, "use worker id");
}

function parseId<Id extends string>(id: string, action: string): Id {
  const issue = idIssue(id);
  if (issue !== undefined) throw invalidRequest(action, issue);
  return id as Id;
}

/** Returns the worker id of a name. Throws `wrong_runtime` or `invalid_request`. */
export function workerIdOf(worker: WorkerName, runtimeId: RuntimeId): WorkerId {
  if (typeof worker === "string") return parseWorkerId(worker);
  if (typeof worker !== "object" || worker === null) {
    throw invalidRequest("use worker", "a worker id or a reference {runtimeId, workerId} is needed");
  }
  if (worker.runtimeId !== runtimeId) {
    throw new RuntimeError(
      "wrong_runtime",
      `Cannot use worker ${JSON.stringify(worker.workerId)}: it belongs to runtime ${
        JSON.stringify(worker.runtimeId)
      }, this is ${JSON.stringify(runtimeId)}`,
      { expected: runtimeId, actual: String(worker.runtimeId) },
    );
  }
  return parseWorkerId(worker.workerId);
}
