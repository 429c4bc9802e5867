// Opens the store of the root directory and holds it until it is killed.

// deno-lint-ignore-file no-console
import { isRuntimeError } from "../../../mod.ts";
import { FsRuntimeStore } from "../../../fs_store.ts";
import { acquire } from "../../kit/acquire.ts";

const [root = ""] = Deno.args;
try {
  await acquire(new FsRuntimeStore({ root, runtimeId: "local" }));
  console.log("open");
  setInterval(() => {}, 1_000);
} catch (error) {
  if (!isRuntimeError(error)) throw error;
  const owner = error.code === "store_locked" ? error.details.owner.replace(/ \(.*/, "") : "";
  console.log(`${error.code} ${owner}`);
}
