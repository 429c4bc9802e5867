/**
 * Makes the golden directory of this version of the format, once: what is
 * there is never made anew, it is what that version wrote.
 *
 *     deno run -A tools/jsr.ts deno run -A tests/golden/make.ts
 *
 * @module
 */
import { join } from "@std/path";
import { everyEventStore } from "../cli/stores.ts";
import { golden, seenIn } from "./golden.ts";

const version = "v1";
const directory = golden(version);
Deno.mkdirSync(join(directory, "runtimes", "local"), { recursive: true });
const config = `{
  // An operator's comment.
  "displayName": "Golden ${version}",
  "limits": { "segmentBytes": 4096 },
}
`;
Deno.writeTextFileSync(join(directory, "runtimes", "local", "config.jsonc"), config, { createNew: true });
await everyEventStore({ root: directory });
// Who had it open is of no interest, and differs from run to run.
for (const name of ["lock", "owner.json"]) Deno.removeSync(join(directory, "runtimes", "local", name));
Deno.writeTextFileSync(
  join(directory, "expected.json"),
  `${JSON.stringify(await seenIn(directory), null, 2)}\n`,
);
