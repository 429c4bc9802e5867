/**
 * Everything that must pass before a change is merged, fastest first. The first failure ends the run. `check` runs
 * only what executes no test, `test` only the tests. `--junit DIR` writes the results of the tests there.
 *
 *     deno task ok [check | test] [--junit DIR]
 *
 * @module
 */
// deno-lint-ignore-file no-console

import { selection } from "../tests/privileged.ts";
import { run } from "./run.ts";

interface Step {
  readonly lane: "check" | "test";
  readonly name: string;
  /** Arguments for `deno`. */
  readonly args: string[];
  /** Working directory; by default the root of the repository. */
  readonly cwd?: string;
}

const root = Deno.realPathSync(`${import.meta.dirname}/..`);
const config: { exports: Record<string, string> } = JSON.parse(Deno.readTextFileSync(`${root}/deno.json`));
const entryPoints = Object.values(config.exports);
/** Pages whose code is checked; that of postgres.md needs a server to run. */
const pages = ["README.md", "docs/errors.md", "docs/conversations.md", "docs/postgres.md"];
/** Entry points only re-export: most examples are in the files that they re-export from. */
const documented = [...entryPoints, "src", "testing", "README.md", "docs/errors.md", "docs/conversations.md"];

function steps(scratch: string, junit: string | undefined): Step[] {
  const report = (name: string): string[] => junit === undefined ? [] : [`--junit-path=${junit}/${name}.xml`];
  const absolute = documented.map((path) => Deno.realPathSync(`${root}/${path}`));
  return [
    { lane: "check", name: "format", args: ["fmt", "--check"] },
    { lane: "check", name: "lint", args: ["lint"] },
    { lane: "check", name: "types", args: ["check", "--doc", ".", ...pages] },
    { lane: "check", name: "documentation", args: ["doc", "--lint", ...entryPoints] },
    { lane: "check", name: "publication", args: ["publish", "--dry-run", "--allow-dirty"] },
    { lane: "check", name: "core types", args: ["check", "mod.ts"] },
    {
      lane: "test",
      name: "core tests, no permission",
      args: ["test", "--no-prompt", ...report("core"), "tests/core/"],
    },
    {
      lane: "test",
      name: "all tests that need only files",
      args: ["test", "--no-prompt", "--allow-read", "--allow-write", ...report("files")],
    },
    {
      lane: "test",
      name: "tests that need more",
      args: ["test", "-A", ...report("privileged"), ...selection()],
    },
    // Examples may write files, so they run in a temporary directory.
    {
      lane: "test",
      name: "examples in the documentation",
      args: ["test", "-A", "--doc", `--config=${root}/deno.json`, ...report("docs"), ...absolute],
      cwd: scratch,
    },
  ];
}

/** Shortens an argument for display: a filter can name many tests. */
function short(argument: string): string {
  return argument.length > 100 ? `${argument.slice(0, 99)}…` : argument;
}

/** Runs the steps and prints their results; resolves to the exit code. */
async function runAll(all: Step[]): Promise<number> {
  const summary: string[] = [];
  let code = 0;
  for (const { name, args, cwd = root } of all) {
    console.log(`\n--- ${name}: deno ${args.map(short).join(" ")}`);
    const startedAt = performance.now();
    code = await run(["deno", ...args], { cwd });
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    summary.push(`${code === 0 ? "ok    " : "FAILED"} ${seconds.padStart(6)} s  ${name}`);
    if (code !== 0) break;
  }
  console.log(`\n${summary.join("\n")}`);
  if (summary.length < all.length) console.log(`${all.length - summary.length} steps not run`);
  return code;
}

function parse(args: readonly string[]): { lane: string | undefined; junit: string | undefined } {
  const [first = ""] = args;
  const lane = first === "check" || first === "test" ? first : undefined;
  const [option, junit, ...rest] = args.slice(lane === undefined ? 0 : 1);
  const isValid = option === undefined || option === "--junit" && junit !== undefined && rest.length === 0;
  if (isValid) return { lane, junit };
  console.error("Usage: deno task ok [check | test] [--junit DIR]");
  Deno.exit(2);
}

const { lane, junit } = parse(Deno.args);
const scratch = Deno.makeTempDirSync({ prefix: "worker-runtime-docs-" });
try {
  const all = steps(scratch, junit);
  Deno.exitCode = await runAll(lane === undefined ? all : all.filter((step) => step.lane === lane));
} finally {
  Deno.removeSync(scratch, { recursive: true });
}
