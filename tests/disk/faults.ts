/**
 * Faults: a hook sees every call before it happens and may make it fail, fall
 * short, or cut the power. The functions here create the hooks that most suites
 * need; any function of a call can be a hook.
 *
 * @module
 */
import type { DiskCall } from "./calls.ts";
import type { ErrorCode } from "./errors.ts";

/** Fault of a call. */
export type Fault =
  /** It throws. With `applied`, the call takes effect nevertheless; a failed sync forgets the dirty data. */
  | { readonly kind: "error"; readonly code: ErrorCode; readonly applied?: boolean }
  /** A read or write handles only this many bytes (by default half of them); other calls are not affected. */
  | { readonly kind: "short"; readonly bytes?: number }
  /** The power goes, before the call has an effect or after all of it. */
  | { readonly kind: "powerCut"; readonly when: "before" | "after" }
  /** The process is killed there: the page cache survives. `attach()` gives the next process. */
  | { readonly kind: "kill"; readonly when: "before" | "after" };

/** Sees every call, and may inject a fault. */
export type CallHook = (call: DiskCall) => Fault | undefined;

/** Makes one call fail, or each one from there on. */
export type Persistence = "once" | "sticky";

/** Selects the calls of a hook. */
export type CallFilter = (call: DiskCall) => boolean;

const everyCall: CallFilter = () => true;

/** Injects a fault into the `n`-th call (counted from 1) among those that `matches`, or all from there on. */
export function faultAt(
  n: number,
  fault: Fault,
  persistence: Persistence = "once",
  matches: CallFilter = everyCall,
): CallHook {
  let seen = 0;
  return (call) => {
    if (!matches(call)) return undefined;
    seen++;
    return seen === n || (seen > n && persistence === "sticky") ? fault : undefined;
  };
}

/** Has the `n`-th call fail, or all from there on. */
export function failAt(
  n: number,
  code: ErrorCode,
  persistence: Persistence = "once",
  matches?: CallFilter,
): CallHook {
  return faultAt(n, { kind: "error", code }, persistence, matches);
}

/** Has the `n`-th read or write handle only part of its bytes, or all from there on. */
export function shortAt(n: number, persistence: Persistence = "once", bytes?: number): CallHook {
  const fault: Fault = bytes === undefined ? { kind: "short" } : { kind: "short", bytes };
  return faultAt(n, fault, persistence, isTransfer);
}

/** Cuts the power at the `n`-th call. */
export function cutPowerAt(n: number, when: "before" | "after" = "before"): CallHook {
  return faultAt(n, { kind: "powerCut", when });
}

/** Kills the process at the `n`-th call. */
export function killAt(n: number, when: "before" | "after" = "before"): CallHook {
  return faultAt(n, { kind: "kill", when });
}

/** Several hooks; the first fault counts. Every hook sees every call. */
export function hooks(...all: readonly CallHook[]): CallHook {
  return (call) => all.map((hook) => hook(call)).find((fault) => fault !== undefined);
}

/** Returns true if the call reads or writes bytes. */
export function isTransfer({ operation }: DiskCall): boolean {
  return operation === "read" || operation === "write";
}

/** Returns true if the call changes the page cache: crash states differ between these calls. */
export function isChange({ operation }: DiskCall): boolean {
  return operation === "write" || operation === "truncate" || operation === "open" || operation === "lock" ||
    operation === "ensureDirectory" || operation === "makeDirectory" || operation === "remove" ||
    operation === "removeDirectory" ||
    operation === "rename";
}

/** Returns true if the call waits for the device. */
export function isSync({ operation }: DiskCall): boolean {
  return operation === "sync" || operation === "syncData" || operation === "syncDataNow" ||
    operation === "syncDirectory";
}
