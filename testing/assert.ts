/**
 * Assertions, strict under every runtime: what `node:assert/strict` means by
 * `equal` is not the same everywhere.
 *
 * @module
 */
export {
  deepStrictEqual as deepEqual,
  fail,
  match,
  notStrictEqual as notEqual,
  ok,
  rejects,
  strictEqual as equal,
  throws,
} from "node:assert";
