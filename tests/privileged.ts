/**
 * The tests that need more than `--allow-read --allow-write`. With these two flags they are ignored, and their
 * names say why; every other test passes with them.
 *
 * A new test of this kind is added to {@linkcode privilegedTests} and takes its options from
 * {@linkcode privileged}. privileged_test.ts keeps the list exact.
 *
 * @module
 */

/** A permission besides read and write. */
export type Privilege = "run" | "net" | "env" | "sys";

/** Names of the tests by file, with the permissions that each needs besides read and write. */
export const privilegedTests: Readonly<Record<string, Readonly<Record<string, readonly Privilege[]>>>> = {
  "tests/bench_test.ts": {
    "bench:long stores a conversation, opens it in processes of their own, and prints every figure": ["run"],
  },
  "tests/cli/conversation_test.ts": {
    "report is a conversation for keyboards and screen readers, 320 wide and light": ["run", "net", "env"],
    "report is a conversation for keyboards and screen readers, 320 wide and dark": ["run", "net", "env"],
    "report is a conversation for keyboards and screen readers, 1200 wide and light": ["run", "net", "env"],
    "report is a conversation for keyboards and screen readers, 1200 wide and dark": ["run", "net", "env"],
  },
  "tests/cli/fifo_test.ts": {
    "no command is blocked by FIFOs in the place of files, and repair restores the store": ["run"],
    "no command is blocked by a FIFO in the place of a directory": ["run"],
  },
  "tests/cli/large_test.ts": {
    "a store of 600 MB and 10,000 workers is verified, exported, imported and backed up in bounded memory": [
      "run",
      "env",
    ],
  },
  "tests/cli/process_test.ts": {
    "reading commands need --allow-read of the store alone": ["run"],
    "writing commands need --allow-write of what they write alone": ["run"],
    "the command exits with 0, 1, 2 and 3 for well, failed, healable and damaged": ["run"],
    "events --follow prints events as they come, and ends on SIGINT": ["run"],
    "the command ends quietly when nobody reads its output": ["run"],
  },
  "tests/cli/report_test.ts": {
    "report is complete in a browser, requests nothing and runs nothing": [
      "run",
      "net",
      "env",
    ],
    "report shows parts in a browser that is 360 wide and light": ["run", "net", "env"],
    "report shows parts in a browser that is 360 wide and dark": ["run", "net", "env"],
    "report shows parts in a browser that is 1200 wide and light": ["run", "net", "env"],
    "report shows parts in a browser that is 1200 wide and dark": ["run", "net", "env"],
  },
  "tests/demo_test.ts": {
    "demo does every file exactly once, though its process is killed half way": ["run"],
    "demo works on a single file": ["run"],
    "demo ends with 2 and says why when it cannot begin": ["run"],
    "quick start runs with the flags it names, and again": ["run"],
  },
  "tests/elsewhere/elsewhere_test.ts": {
    "MemoryRuntimeStore passes the conformance suite in Node": ["run"],
    "MemoryRuntimeStore passes the conformance suite in a browser": ["run", "net", "env"],
    "FsRuntimeStore says in Node that it needs Deno": ["run"],
    "the core is small enough for a page when bundled": ["run"],
  },
  "tests/examples/chat_test.ts": {
    "chat keeps questions, answers and their cost across starts": ["run", "net"],
    "chat that is killed in an answer, twice, continues it, with all costs": ["run", "net"],
    "chat that is killed in a tool calls it again, and asks nothing again": ["run", "net"],
    "chat that is killed after an answer asks nothing again": ["run", "net"],
    "chat keeps no half answer, and says why a run failed": ["run", "net"],
    "chat_anthropic keeps questions, answers and their cost across starts": ["run", "net"],
    "chat_anthropic that is killed in an answer, twice, continues it, with all costs": ["run", "net"],
    "chat_anthropic that is killed in a tool calls it again, and asks nothing again": ["run", "net"],
    "chat_anthropic that is killed after an answer asks nothing again": ["run", "net"],
    "chat_anthropic keeps no half answer, and says why a run failed": ["run", "net"],
  },
  "tests/examples/host_test.ts": {
    "docs/chat.md answers, compacts, edits, continues after SIGKILL, forks, finds and forgets": [
      "run",
      "net",
    ],
  },
  "tests/examples/hosts_test.ts": {
    "hosts share the runtimes, and one takes over when the other is killed": ["run", "net", "env"],
  },
  "tests/examples/resume_test.ts": {
    "resume does every step once, though it is killed twice": ["run"],
  },
  "tests/examples/webhook_test.ts": {
    "webhook sends every event, again where a crash left it in doubt": ["run", "net"],
    "webhook says so when events were pruned before they were sent": ["run", "net"],
  },
  "tests/examples/workers_test.ts": {
    "workers cancels the slow ones and lets the others finish, without any permission": ["run"],
  },
  "tests/format/content_test.ts": {
    "JSON content is the same for a reader in Python, also of an import": ["run"],
  },
  "tests/format/reader_test.ts": {
    "reader.py reads of the golden store what is expected": ["run"],
    "reader.py notices a flipped bit in every file, and names the file": ["run"],
    "reader.py notices what is missing at the end of a log": ["run"],
    "reader.py notices blobs that are missing, truncated or replaced": ["run"],
    "reader.py rejects what requires a feature that it does not know": ["run"],
    "reader.py leaves out a write that was never acknowledged, as the store does": ["run"],
    "reader.py reads a store whose older events were pruned": ["run"],
    "reader.py reads forks, and notices damage of their bases": ["run"],
    "reader.py reads the drafts of open and of interrupted runs": ["run"],
  },
  "tests/fs/draft_kill_test.ts": {
    "every acknowledged text of a draft survives SIGKILL in order, 15 kills in a row": ["run"],
  },
  "tests/fs/full_disk_test.ts": {
    "a full disk loses nothing, and all goes on when there is space again": ["run"],
    "a store closed on a full disk opens again, with all that was acknowledged": ["run"],
  },
  "tests/fs/kill_test.ts": {
    "every acknowledged command survives SIGKILL exactly once, 25 kills in a row, seed 1": ["run"],
    "every acknowledged command survives SIGKILL exactly once, 25 kills in a row, seed 2": ["run"],
  },
  "tests/fs/place/lock_test.ts": {
    "FsRuntimeStore.acquire() throws store_locked while another process has the store open": ["run"],
    "FsRuntimeStore.acquire() in another process throws store_locked while this one has the store open": [
      "run",
    ],
  },
  "tests/mutants/mutants_test.ts": {
    "mutationsOf() finds every kind in the sources": ["env"],
    "mutationsOf() finds the mutations of short texts": ["env"],
  },
  "tests/permissions_test.ts": {
    "FsRuntimeStore takes a relative root with permission for it alone": ["run"],
    "FsRuntimeStore.acquire() names what a link leads to when only the link is allowed": ["run"],
    "FsRuntimeStore works with read and write of its root, and nothing else": ["run"],
    "FsRuntimeStore creates its root below a directory it may not see, if it may make it": ["run"],
    "FsRuntimeStore takes a root relative to the working directory": ["run"],
    "FsRuntimeStore.acquire() throws store_permission that names --allow-read under no flag": ["run"],
    "FsRuntimeStore.acquire() throws store_permission that names --allow-write under --allow-read=ROOT": [
      "run",
    ],
    "FsRuntimeStore.acquire() throws store_permission that names --allow-read under --allow-write=ROOT": [
      "run",
    ],
    "FsRuntimeStore.acquire() throws store_permission that names --allow-write under --allow-read=ROOT --allow-write=ROOT/other":
      ["run"],
    "FsRuntimeStore.acquire() takes no store for a new one because reading is ignored": ["run"],
    "FsRuntimeStore.acquire() takes no store for a new one because only its identity is ignored": ["run"],
    "the core and the memory store work with no permission at all": ["run"],
    "importing fs_store.ts needs no permission": ["run"],
    "the module graph of mod.ts holds nothing of the file system": ["run"],
  },
  "tests/postgres/plans_test.ts": {
    "transcript() reads its page alone, wherever it is": ["run", "net", "env"],
    "an append finds its runtime by the index, though its plan was made when there were few": [
      "run",
      "net",
      "env",
    ],
  },
  "tests/postgres/conformance_test.ts": {
    "PostgresRuntimeStore passes the conformance suite through pg": ["run", "net", "env"],
    "PostgresRuntimeStore passes the conformance suite through postgres": ["run", "net", "env"],
  },
  "tests/postgres/permissions_test.ts": {
    "PostgresRuntimeStore works through pg with --allow-net=HOST:PORT alone": ["run", "net"],
    "PostgresRuntimeStore works through postgres with --allow-net=HOST:PORT alone": ["run", "net"],
    "store_permission names the flag that pg lacks, however it is opened": ["run"],
    "store_permission names the flag that postgres lacks, however it is opened": ["run"],
    "store_permission names --allow-env if pg reads the environment": ["run"],
  },
  "tests/postgres/hosts_test.ts": {
    "RuntimeHost shares a thousand runtimes among three hosts, and the others take over those of one that stops":
      ["run", "net", "env"],
  },
  "tests/postgres/command_test.ts": {
    "each command prints the same of a runtime in PostgreSQL as of one on disk": ["run", "net"],
    "inspect lists the runtimes of a space with their owners": ["run", "net"],
    "commands on a database need --allow-net=HOST:PORT alone, and say so": ["run", "net"],
    "events --follow prints events of a runtime in PostgreSQL as they come": ["run", "net"],
    "import of a killed process leaves nothing to see, and can be repeated": ["run", "net"],
    "commands fail in time when a database cannot be reached or does not answer": ["net"],
  },
  "tests/privileged_test.ts": {
    "every listed test exists, and fails with --allow-read --allow-write alone": ["run"],
  },
  "tests/tools_test.ts": {
    "serveRegistry() responds with the sizes and checksums of the files": ["net"],
    "serveRegistry() responds with 404 to unknown paths": ["net"],
    "serveRegistry() finds a free port while another registry runs": ["net"],
    "jsr.ts --std serves the directory to the command": ["run"],
    "jsr.ts takes the directory from the environment, and commands inherit its registry": ["run"],
    "jsr.ts keeps a registry that the user chose": ["run"],
    "jsr.ts ends with the exit code of the command": ["run"],
    "jsr.ts passes input and signals on to the command": ["run"],
  },
  "tests/torture_test.ts": {
    "suite commands commands killed at each call do not change their source, and have the same result when repeated":
      [
        "run",
      ],
    "suite interplay all operations combined, closed and killed at any moment, keep their promises": ["run"],
    "suite postgres real PostgreSQL servers, networks and owners that fail lose nothing, and one at a time owns a runtime":
      ["run", "net", "env"],
    "suite processes real processes killed under load lose nothing, and one at a time has the store": ["run"],
    "suite system real system calls that fail, a full disk and missing permissions lose nothing": ["run"],
  },
};

const privilegesOf: ReadonlyMap<string, readonly Privilege[]> = new Map(
  Object.values(privilegedTests).flatMap((tests) => Object.entries(tests)),
);

/** Argument of a test run that withholds the privileges from the tests that are listed. */
export const WITHHOLD = "--withhold-privileges";

/** Returns whether this process has a permission. */
export function isGranted(name: "read" | "write" | Privilege): boolean {
  return Deno.permissions.querySync({ name }).state === "granted";
}

/** Name, permissions and state of a test. */
export type PrivilegedOptions = Required<Pick<Deno.TestDefinition, "name" | "permissions" | "ignore">>;

/**
 * Options of a test of the list: exactly the permissions that the list grants it. Without them, or if there is
 * an obstacle such as a missing program, the test is ignored and its name says why.
 */
export function privileged(name: string, obstacle?: string): PrivilegedOptions {
  const privileges = privilegesOf.get(name);
  if (privileges === undefined) {
    throw new Error(`Cannot register the test ${JSON.stringify(name)}: tests/privileged.ts does not list it`);
  }
  const needed = ["read", "write", ...privileges] as const;
  const missing = needed.filter((permission) => !isGranted(permission));
  const reason = missing.length > 0
    ? `needs ${missing.map((permission) => `--allow-${permission}`).join(" and ")}`
    : obstacle;
  const granted = Deno.args.includes(WITHHOLD) ? ["read", "write"] : needed;
  return {
    name: reason === undefined ? name : `${name} (ignored: ${reason})`,
    permissions: Object.fromEntries(granted.map((permission) => [permission, true])),
    ignore: reason !== undefined,
  };
}

/** Arguments for `deno test` that select the tests of the list, and load no file without one. */
export function selection(): string[] {
  const names = [...privilegesOf.keys()].map((name) => name.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
  return [`--filter=/^(?:${names.join("|")})(?: \\(ignored: .*\\))?$/`, ...Object.keys(privilegedTests)];
}
