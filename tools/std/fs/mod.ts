/**
 * Stand-in for `@std/fs`: the functions this project uses, over Deno's file system API.
 *
 * @module
 */

export { emptyDir, ensureDir } from "./dir.ts";
export { exists, type ExistsOptions } from "./exists.ts";
export { walk, type WalkEntry, type WalkOptions } from "./walk.ts";
