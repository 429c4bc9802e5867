/**
 * Options of the commands, as they are parsed. Each command takes some of them; the
 * program describes them.
 *
 * @module
 */
import type { WorkerStatus } from "../mod.ts";

type Given<Name extends string, Value> = { readonly [Key in Name]: Value };
type Optional<Name extends string, Value> = { readonly [Key in Name]?: Value | undefined };

/** Options of the commands. Those that have a default are always given. */
export type Options =
  & Given<"limit" | "entries" | "workers", number>
  & Given<"verify", boolean>
  & Optional<
    "json" | "all" | "full" | "quick" | "follow" | "force" | "apply" | "salvage" | "dryRun" | "context",
    boolean
  >
  & Optional<"after" | "before" | "through", number>
  & Optional<"runtime" | "space" | "worker" | "output" | "olderThan", string>
  & Optional<"status", WorkerStatus>
  & Optional<"by", "worker" | "model" | "day">;
