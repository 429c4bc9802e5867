/**
 * The permissions of Deno: a store that lacks one names it, changes nothing, and
 * never mistakes a store that it cannot see for a missing one.
 *
 * @module
 */
import { FsRuntimeStore } from "../../../fs_store.ts";
import { type BlobRef, Runtime } from "../../../mod.ts";
import { Child } from "../processes/child_process.ts";
import { BrokenOracle } from "../suite.ts";

/** A row of the matrix. */
interface Permitted {
  readonly name: string;
  readonly flags: (root: string) => readonly string[];
  /** A permission that the process revokes once the store is open. */
  readonly revoke: string;
  /** Expected results of opening an existing and a new store. */
  readonly open: { readonly existing: RegExp; readonly fresh: RegExp };
  /** Expected result of everything else. */
  readonly rest: RegExp;
}

const DENIED = /^store_permission --allow-/;
const OK = /^ok$/;
/** Allowed answers of a store that lost a permission while it was open. */
const LATE = /^(?:ok|store_permission --allow-|store_poisoned|worker_not_found|store_vanished)/;

const matrix: readonly Permitted[] = [
  { name: "none", flags: () => [], revoke: "", open: { existing: DENIED, fresh: DENIED }, rest: DENIED },
  {
    name: "read only",
    flags: (root) => [`--allow-read=${root}`],
    revoke: "",
    open: { existing: DENIED, fresh: DENIED },
    rest: DENIED,
  },
  {
    name: "write only",
    flags: (root) => [`--allow-write=${root}`],
    revoke: "",
    open: { existing: DENIED, fresh: DENIED },
    rest: DENIED,
  },
  {
    name: "read and write",
    flags: (root) => [`--allow-read=${root}`, `--allow-write=${root}`],
    revoke: "",
    open: { existing: OK, fresh: OK },
    rest: OK,
  },
  {
    name: "reading hidden",
    flags: (root) => [`--ignore-read=${root}`, `--allow-write=${root}`],
    revoke: "",
    // Never a new store in place of a hidden one.
    open: { existing: /^store_(?:permission|missing|io)/, fresh: /^store_(?:permission|missing|io)/ },
    rest: DENIED,
  },
  {
    name: "write revoked",
    flags: (root) => [`--allow-read=${root}`, `--allow-write=${root}`],
    revoke: "write",
    open: { existing: OK, fresh: OK },
    rest: LATE,
  },
  {
    name: "read revoked",
    flags: (root) => [`--allow-read=${root}`, `--allow-write=${root}`],
    revoke: "read",
    open: { existing: OK, fresh: OK },
    rest: LATE,
  },
];

const PERMITTED = new URL("./permitted.ts", import.meta.url);
const OPERATIONS = 27;

/** Runs the matrix; returns the number of operations checked. */
export async function checkPermissions(): Promise<number> {
  let operations = 0;
  for (const row of matrix) {
    for (const kind of ["existing", "fresh"] as const) {
      const root = await Deno.makeTempDir({ prefix: "worker-runtime-permissions-" });
      try {
        operations += await checkRow(row, kind, root);
      } finally {
        await Deno.remove(root, { recursive: true });
      }
    }
  }
  return operations;
}

async function checkRow(row: Permitted, kind: "existing" | "fresh", root: string): Promise<number> {
  const name = `permissions:${row.name}:${kind}`.replaceAll(" ", "+");
  const kept = await makeStore(root, kind);
  const child = new Child(PERMITTED, [root, row.revoke, JSON.stringify(kept ?? ABSENT)], {
    flags: row.flags(root),
  });
  await child.hear("end");
  await child.end();
  const lines = child.lines.map((line) => line.trim());
  for (const line of lines) {
    const [operation = "", ...rest] = line.split(" ");
    const wanted = operation === "open" ? row.open[kind] : kind === "fresh" ? /./ : row.rest;
    if (!wanted.test(rest.join(" "))) throw new BrokenOracle("I7", name, line);
    if (rest[0] === "untyped") throw new BrokenOracle("I7", name, line);
  }
  if (lines.length === 0) throw new BrokenOracle("I7", name, "it says nothing");
  await checkKept(root, kind, name);
  // One rejected opening counts for all operations that depend on it.
  return lines.length === 1 ? OPERATIONS : lines.length;
}

/** A reference to a blob that no worker has. */
const ABSENT: BlobRef = { sha256: "0".repeat(64), bytes: 1, mediaType: "x" };

async function makeStore(root: string, kind: "existing" | "fresh"): Promise<BlobRef | undefined> {
  if (kind === "fresh") return undefined;
  await using runtime = await Runtime.open({ store: new FsRuntimeStore({ root, runtimeId: "t" }) });
  const worker = await runtime.createWorker({ workerId: "w", intent: { kind: "assistant" } });
  const blob = await worker.putBlob(new Uint8Array(3_000).fill(7));
  await worker.sendInput({ role: "user", content: "kept", blobs: [blob] });
  return blob;
}

/** Asserts that existing data is intact, whatever the other process was permitted to do. */
async function checkKept(root: string, kind: "existing" | "fresh", name: string): Promise<void> {
  if (kind === "fresh") return;
  await using runtime = await Runtime.open({ store: new FsRuntimeStore({ root, runtimeId: "t" }) });
  const { items: [first] } = await runtime.worker("w").transcript({ after: 0, limit: 1 });
  if (first?.content !== "kept") throw new BrokenOracle("I1", name, "what was there is gone");
  for (const blob of first.blobs ?? []) {
    await new Response(await runtime.worker("w").blob(blob)).arrayBuffer().catch((cause) => {
      throw new BrokenOracle("I1", name, `a blob that was there is gone: ${cause}`, { cause });
    });
  }
}
