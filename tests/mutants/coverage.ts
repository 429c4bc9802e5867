/**
 * Which tests run which lines: measured once per unit, and again when a file
 * that the unit loads has changed.
 *
 * @module
 */
import { parseLcov } from "../torture/coverage/lcov.ts";
import { suites } from "../torture/suites.ts";
import { listFiles, ROOT, type Unit, type Workspace } from "./workspace.ts";

/** Test files that say nothing about `src` and `cli`, or take too long for every mutant. */
const LEFT_OUT = /^tests\/(?:tools|tidy|demo|elsewhere|examples|mutants)|large_test|testing_assert/;
/** The file whose tests are small shares of the reliability suites, one unit each. */
const SUITES_FILE = "tests/torture_test.ts";
/** A unit that takes longer is left out. */
const UNIT_MS_MAX = 300_000;

/** Lines that a unit runs. */
export interface Covered {
  /** The unit. */
  readonly unit: Unit;
  /** Its duration in milliseconds, with the start of the process. */
  readonly ms: number;
  /** It passes on the unchanged source. */
  readonly passed: boolean;
  /** Digest of each file that it loads. */
  readonly digests: Readonly<Record<string, string>>;
  /** Lines run, by file. */
  readonly lines: Readonly<Record<string, readonly number[]>>;
}

/** All units: test files, and the reliability suites. */
export async function listUnits(): Promise<Unit[]> {
  const files = (await listFiles("tests")).filter((file) =>
    file.endsWith("_test.ts") && file !== SUITES_FILE && !LEFT_OUT.test(file)
  );
  return [
    ...files.map((file) => ({ file, filter: "" })),
    ...suites.filter(({ real }) => !real).map(({ name }) => ({
      file: SUITES_FILE,
      filter: `suite ${name} `,
    })),
  ];
}

/** Runs a unit with coverage. */
export async function measure(
  workspace: Workspace,
  unit: Unit,
  loadable: readonly string[],
): Promise<Covered> {
  const directory = `${workspace.directory}/coverage`;
  const run = await workspace.test([unit], [`--coverage=${directory}`], UNIT_MS_MAX);
  const command = new Deno.Command(Deno.execPath(), {
    args: ["coverage", "--lcov", `--include=^file://${workspace.directory}/`, "--exclude=^$", directory],
    cwd: `${workspace.directory}/tree`,
    stdout: "piped",
    stderr: "null",
  });
  const { stdout } = await command.output();
  await Deno.remove(directory, { recursive: true }).catch(() => {});
  const lines: Record<string, number[]> = {};
  const loaded = [unit.file];
  for (const file of parseLcov(new TextDecoder().decode(stdout))) {
    const path = file.path.split("/tree/")[1] ?? "";
    if (!loadable.includes(path)) continue;
    loaded.push(path);
    if (!/^(src|cli)\//.test(path)) continue;
    lines[path] = [...file.lines].filter(([, count]) => count > 0).map(([line]) => line);
  }
  const digests: Record<string, string> = {};
  for (const path of loaded) digests[path] = await digestOf(path);
  return { unit, ms: run.ms, passed: run.passed, digests, lines };
}

/** Returns true if no module of a unit has changed since it was measured. */
export async function isCurrent({ digests }: Covered): Promise<boolean> {
  for (const [path, digest] of Object.entries(digests)) {
    if (await digestOf(path).catch(() => "") !== digest) return false;
  }
  return true;
}

const known = new Map<string, string>();

/** SHA-256 of a file of the repository, in hexadecimal. */
export async function digestOf(path: string): Promise<string> {
  const found = known.get(path);
  if (found !== undefined) return found;
  const hash = await crypto.subtle.digest("SHA-256", await Deno.readFile(`${ROOT}/${path}`));
  const digest = Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0")).join("");
  known.set(path, digest);
  return digest;
}
