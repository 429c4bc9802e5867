// Blobs in the commands: listed, extracted, counted, removed on request, and their damage reported.

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { workerBlobs } from "../../operate.ts";
import { fileOf, fill, hashOf, large, local, say, small, spilledBytes } from "../operate/blobs.ts";
import { command, snapshot, withDirectory } from "./kit.ts";
import { openRuntime } from "./stores.ts";

const nobodys = new TextEncoder().encode("nobody's");

/** A root directory with a store that holds blobs, one of them unreferenced. */
async function withBlobs(work: (root: string, directory: string) => Promise<void>): Promise<void> {
  await withDirectory(async (root) => {
    const runtime = await openRuntime({ root });
    await fill(runtime);
    await runtime.worker("a").putBlob(nobodys);
    await runtime.close();
    await work(root, join(root, "runtimes", "local"));
  });
}

Deno.test("workerBlobs() returns blobs in the order of their first references, then all others", async () => {
  await withBlobs(async (root, directory) => {
    const found = await workerBlobs(local(root), "a");
    const mediaType = "application/octet-stream";
    assertEquals(found, [
      { sha256: hashOf(large), bytes: large.length, mediaType, references: 1, seq: 1 },
      { sha256: hashOf(small), bytes: 3, mediaType, references: 3, seq: 3 },
      { sha256: hashOf(new Uint8Array()), bytes: 0, mediaType, references: 1, seq: 1 },
      {
        sha256: hashOf(spilledBytes),
        bytes: spilledBytes.length,
        mediaType: "application/json",
        references: 1,
        seq: 2,
      },
      { sha256: hashOf(nobodys), bytes: 8, references: 0 },
    ]);
    Deno.removeSync(join(directory, fileOf("a", large)));
    assertEquals((await workerBlobs(local(root), "a"))[0]?.missing, true);
  });
});

Deno.test("blobs lists the blobs of a worker, and removes unreferenced ones only with --apply", async () => {
  await withBlobs(async (root) => {
    const before = snapshot(root);
    const planned = await command("blobs", root, "a");
    assertEquals(planned.code, 0, planned.err);
    assertStringIncludes(
      planned.out,
      "Would remove 1 blob (8 B) that no entry refers to.\nNothing was changed.",
    );
    assertEquals(planned.out.split("\n").filter((line) => /^[0-9a-f]{64}/.test(line)).length, 5);
    assertEquals(snapshot(root), before);
    const done = await command("blobs", root, "a", "--apply", "--json");
    const removed = [{ sha256: hashOf(nobodys), bytes: 8 }];
    assertEquals([done.code, done.json.applied, done.json.removed], [0, true, removed], done.err);
    const again = await command("blobs", root, "a", "--apply");
    assertStringIncludes(again.out, "Entries refer to all of them.");
    assertEquals((await command("verify", root)).code, 0);
    const wrong = await command("blobs", root, "nobody");
    assertEquals(wrong.code, 1);
    assertStringIncludes(wrong.err, 'Cannot find worker "nobody"');
  });
});

Deno.test("blob writes a verified blob to a file, and nothing of a damaged one", async () => {
  await withBlobs(async (root, directory) => {
    const file = join(root, "out.bin");
    const written = await command("blob", root, "a", hashOf(large), "-o", file);
    assertEquals([written.code, hashOf(Deno.readFileSync(file))], [0, hashOf(large)], written.err);
    assertEquals((await command("blob", root, "b", hashOf(small))).out, "abc");
    const path = join(directory, fileOf("a", large));
    for (
      const [harm, code] of [
        [() => Deno.writeFileSync(path, large.toReversed()), "blob_corrupt"],
        [() => Deno.removeSync(path), "blob_missing"],
      ] as const
    ) {
      harm();
      const failed = await command("blob", root, "a", hashOf(large), "-o", join(root, "other.bin"), "--json");
      assertEquals([failed.code, failed.json.error.code], [3, code]);
      assertEquals(failed.json.error.details.file, fileOf("a", large));
      assertEquals([...Deno.readDirSync(root)].map(({ name }) => name).sort(), ["out.bin", "runtimes"]);
    }
    for (
      const [sha256, reason] of [["../transcript.jsonl", "64 hexadecimal digits"], ["0", "64 hex"]] as const
    ) {
      const { code, err } = await command("blob", root, "a", sha256);
      assertEquals(code, 1);
      assertStringIncludes(err, reason);
    }
  });
});

Deno.test("inspect and purge count blobs as a number of their own", async () => {
  await withBlobs(async (root) => {
    const total = large.length + 2 * small.length + spilledBytes.length + nobodys.length;
    const { json } = await command("inspect", root, "--json");
    assertEquals(json.sizes.blobs, total);
    assertMatch((await command("inspect", root)).out, /blobs 390\.6 KiB/);
    const runtime = await openRuntime({ root });
    await runtime.worker("b").retire();
    await runtime.close();
    const planned = await command("purge", root, "b", "--json");
    assertEquals(planned.json.workers[0].blobs, 3);
    assertMatch((await command("purge", root, "b")).out, /BLOBS +FILES\nb +retired +1 +3 B +\d/);
  });
});

Deno.test("backup reports blobs: copied, unchanged and damaged", async () => {
  await withBlobs(async (root, directory) => {
    const to = join(root, "copy");
    assertStringIncludes((await command("backup", root, to)).out, "6 blobs copied, 0 unchanged\n");
    const path = join(directory, fileOf("a", large));
    Deno.writeFileSync(path, large.slice(1));
    const again = await command("backup", root, to);
    assertEquals(again.code, 0, again.out);
    assertStringIncludes(again.out, "0 blobs copied, 5 unchanged; 1 damaged blob not copied\n");
    const fresh = await command("backup", root, join(root, "fresh"));
    assertEquals(fresh.code, 3);
    assertStringIncludes(fresh.out, "blob_missing");
  });
});

Deno.test("verify --quick finds missing blobs, and reads none", async () => {
  await withBlobs(async (root, directory) => {
    const path = join(directory, fileOf("a", large));
    Deno.writeFileSync(path, large.toReversed());
    assertEquals((await command("verify", root, "--quick")).code, 0);
    assertEquals((await command("verify", root)).code, 3);
    Deno.removeSync(path);
    const quick = await command("verify", root, "--quick");
    assertEquals(quick.code, 3);
    assertStringIncludes(quick.out, fileOf("a", large));
  });
});

Deno.test("repair lists lost blobs, and moves damaged ones aside with --salvage", async () => {
  await withBlobs(async (root, directory) => {
    const path = join(directory, fileOf("a", large));
    Deno.writeFileSync(path, large.toReversed());
    const planned = await command("repair", root);
    assertEquals(planned.code, 3);
    assertStringIncludes(planned.out, "it is moved to salvage/");
    assertStringIncludes(planned.out, "Run again with --apply --salvage to do it.");
    assertEquals((await command("repair", root, "--apply")).code, 3);
    assertEquals(Deno.readFileSync(path).length, large.length);
    const done = await command("repair", root, "--apply", "--salvage");
    assertStringIncludes(done.out, "Verified again: damaged.");
    const [kept] = [...Deno.readDirSync(join(directory, "salvage"))];
    assert(kept !== undefined);
    assertEquals(Deno.readFileSync(join(directory, "salvage", kept.name)), large.toReversed());
    const later = await command("repair", root);
    assertStringIncludes(later.out, "the host has to put the same bytes again");
    assertStringIncludes(later.out, "Nothing was changed. Repair cannot do it.");
    const runtime = await openRuntime({ root });
    await say(runtime.worker("a"), "again", large);
    await runtime.close();
    assertEquals((await command("verify", root)).code, 0);
  });
});

Deno.test("export and import have blobs", async () => {
  await withBlobs(async (root) => {
    const [file, to] = [join(root, "all.jsonl"), join(root, "elsewhere")];
    assertEquals((await command("export", root, "-o", file)).code, 0);
    assertEquals((await command("import", file, to)).code, 0);
    const { out } = await command("export", to);
    assert(out === Deno.readTextFileSync(file), "the same stream again");
  });
});
