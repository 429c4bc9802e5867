// Sealed files: what they hold comes back, and nothing else does.

import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { RuntimeError } from "../../../mod.ts";
import { sealedBytes } from "../../../src/fs/lines/codec.ts";
import { type Seal, seal, unseal } from "../../../src/fs/lines/sealed.ts";

const kind: Seal = { format: "worker-runtime/thing", runtimeId: "local" };

function thrown(work: () => unknown): RuntimeError {
  return assertThrows(work, RuntimeError);
}

function reasonOf(bytes: Uint8Array, expected: Seal = kind): string {
  const error = thrown(() => unseal(bytes, expected, "thing.json"));
  assertEquals(error.code, "store_corrupt");
  const { file, reason } = error.details as RuntimeError<"store_corrupt">["details"];
  assertEquals(file, "thing.json");
  return reason;
}

Deno.test("unseal() gives back what seal() was given, with what the file says of itself", () => {
  const body = { a: 1, text: "日本\u2028\u2029", "": [null] };
  const content = unseal(seal(kind, body), kind, "thing.json");
  const { crc: _, ...rest } = content;
  assertEquals(rest, { format: kind.format, version: 1, runtimeId: "local", ...body });
});

Deno.test("seal() gives one line of JSON, whatever line separators are in it", () => {
  const bytes = seal(kind, { text: "a\nb\u2028c\u2029d\r" });
  assertEquals(bytes.indexOf(0x0a), bytes.length - 1);
  const text = new TextDecoder().decode(bytes);
  assert(!/[\u2028\u2029]/.test(text));
  assertEquals(JSON.parse(text).text, "a\nb\u2028c\u2029d\r");
});

Deno.test("unseal() throws store_corrupt after any flip of any bit, and any cut", () => {
  const bytes = seal(kind, { a: "x" });
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const damaged = bytes.slice();
    damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    assertEquals(reasonOf(damaged), "its checksum does not match");
  }
  // Without its newline alone it is still whole.
  for (let end = 0; end < bytes.length - 1; end++) reasonOf(bytes.subarray(0, end));
  assertEquals(unseal(bytes.subarray(0, -1), kind, "thing.json").a, "x");
});

Deno.test("unseal() throws store_corrupt for a file of another kind, of another runtime, or without version", () => {
  assertEquals(reasonOf(seal({ ...kind, format: "other" }, {})), "it is no worker-runtime/thing file");
  assertEquals(reasonOf(seal({ ...kind, runtimeId: "other" }, {})), 'it belongs to runtime "other"');
  assertEquals(
    reasonOf(sealedBytes('{"format":"worker-runtime/thing","runtimeId":"local"}')),
    "it names no format version",
  );
  assertEquals(reasonOf(sealedBytes('{"not json"}')), "it is no JSON");
});

Deno.test("unseal() throws store_version for a file that a newer version wrote", () => {
  const bytes = sealedBytes('{"format":"worker-runtime/thing","version":2,"runtimeId":"local"}');
  const error = thrown(() => unseal(bytes, kind, "thing.json"));
  assertEquals(error.code, "store_version");
  assertEquals(error.details, { file: "thing.json", found: 2, supported: 1 });
});

function sealedWith(requires: string): Uint8Array {
  return sealedBytes(
    `{"format":"worker-runtime/thing","version":1,"runtimeId":"local","requires":${requires},"a":1}`,
  );
}

Deno.test("unseal() throws store_version that names the first feature it does not know", () => {
  assertEquals(unseal(sealedWith("[]"), kind, "thing.json").a, 1);
  for (const [requires, named] of [['["drafts"]', "drafts"], ['["",1]', ""], ["[1]", "1"]] as const) {
    const error = thrown(() => unseal(sealedWith(requires), kind, "thing.json"));
    assertEquals(error.code, "store_version");
    assertEquals(error.details, { file: "thing.json", found: 1, supported: 1, requires: named });
    assertStringIncludes(error.message, `requires the unknown feature ${JSON.stringify(named)}`);
  }
});

Deno.test("unseal() throws store_corrupt for requirements that are no list", () => {
  for (const requires of ["{}", '"x"', "null", "1"]) {
    assertEquals(reasonOf(sealedWith(requires)), "its requires is no list");
  }
});
