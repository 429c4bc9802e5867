/**
 * Commands as real processes that are killed at a call to the real disk, and
 * then run again.
 *
 * @module
 */
import { join } from "@std/path";
import { main } from "../../../cli/mod.ts";
import type { Io } from "../../../cli/io.ts";
import { verify } from "../../../operate.ts";
import { isRuntimeError } from "../../../mod.ts";
import { Random, toTree } from "../../disk/mod.ts";
import { BrokenOracle } from "../suite.ts";
import { commands } from "./commands.ts";
import { baseDisk, streamOf } from "./stores.ts";

/** A command on the command line, and the directories that it needs. */
interface RealCommand {
  readonly name: string;
  /** The command of the simulated disk whose base is used. */
  readonly base: string;
  args(directory: string): readonly string[];
  /** The file that it writes, which contains an older one before. */
  readonly output?: string;
  /** The root of the store that must be clean afterwards. */
  readonly root: string;
}

const real: readonly RealCommand[] = [
  {
    name: "import",
    base: "import",
    args: (at) => ["import", `${at}/stream`, `${at}/target`],
    root: "target",
  },
  { name: "backup", base: "backup", args: (at) => ["backup", `${at}/data`, `${at}/copy`], root: "copy" },
  {
    name: "backup-again",
    base: "backup-again",
    args: (at) => ["backup", `${at}/data`, `${at}/copy`],
    root: "copy",
  },
  { name: "repair", base: "repair", args: (at) => ["repair", `${at}/data`, "--apply"], root: "data" },
  {
    name: "salvage",
    base: "salvage",
    args: (at) => ["repair", `${at}/data`, "--apply", "--salvage"],
    root: "data",
  },
  { name: "prune", base: "prune", args: (at) => ["prune", `${at}/data`, "--apply"], root: "data" },
  { name: "purge", base: "purge", args: (at) => ["purge", `${at}/data`, "b", "--apply"], root: "data" },
  {
    name: "export",
    base: "backup",
    args: (at) => ["export", `${at}/data`, "-o", `${at}/out`, "--force"],
    output: "out",
    root: "data",
  },
  {
    name: "report",
    base: "backup",
    args: (at) => ["report", `${at}/data`, "-o", `${at}/out`, "--force"],
    output: "out",
    root: "data",
  },
];

const OLD = "the older file";
const CHILD = new URL("./child.ts", import.meta.url).pathname;
const CONFIG = new URL("../../../deno.json", import.meta.url).pathname;

/** Kills each command so many times; returns the number of kills. */
export async function killProcesses(each: number, seed: number, told: () => void): Promise<number> {
  const queue = real.values();
  let kills = 0;
  const lane = async (): Promise<void> => {
    for (const command of queue) {
      const killed = await new Killing(command, seed).run(each, told);
      kills += killed;
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, Math.min(4, navigator.hardwareConcurrency)) }, lane));
  return kills;
}

class Killing {
  readonly #command: RealCommand;
  readonly #random: Random;
  readonly #outputs = new Set<string>([OLD]);

  constructor(command: RealCommand, seed: number) {
    this.#command = command;
    this.#random = new Random(seed);
  }

  async run(each: number, told: () => void): Promise<number> {
    const wanted = commands.find(({ name }) => name === this.#command.base);
    const base = await (wanted?.base() ?? baseDisk());
    const stream = await streamOf(await baseDisk());
    const files = new Map(toTree(base.image()));
    files.set("/stream", new Uint8Array(await new Blob(stream as BlobPart[]).arrayBuffer()));
    if (this.#command.output !== undefined) files.set("/out", new TextEncoder().encode(OLD));
    const calls = await this.#once(files, 0);
    for (let kill = 0; kill < each; kill++) {
      await this.#once(files, 1 + this.#random.below(calls));
      told();
    }
    return each;
  }

  /** Runs the command in a fresh directory, is killed at a call, and runs it again. Returns the calls of a whole run. */
  async #once(files: ReadonlyMap<string, Uint8Array>, call: number): Promise<number> {
    const directory = await Deno.makeTempDir({ prefix: "worker-runtime-commands-" });
    try {
      for (const [path, bytes] of files) write(directory, path, bytes);
      const args = this.#command.args(directory);
      const deno = ["run", "-A", "--quiet", "--no-prompt", "--no-check", `--config=${CONFIG}`];
      const child = new Deno.Command(Deno.execPath(), {
        args: [...deno, CHILD, String(call), ...args],
        stdin: "null",
        stderr: "null",
      });
      const { stdout, signal } = await child.output();
      if (call > 0 && signal !== "SIGKILL") throw this.#broken(call, "it was not killed");
      if (this.#command.output !== undefined) this.#checkOutput(directory, call);
      if (call > 0) await this.#again(directory, args, call);
      return Number(new TextDecoder().decode(stdout).trim());
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  }

  /** The output is either the old one or the new one. */
  #checkOutput(directory: string, call: number): void {
    const text = Deno.readTextFileSync(join(directory, this.#command.output ?? ""));
    if (call === 0) this.#outputs.add(text.replaceAll(directory, ""));
    if (this.#outputs.has(text.replaceAll(directory, ""))) return;
    throw this.#broken(call, `${text.length} characters were left of the output`);
  }

  async #again(directory: string, args: readonly string[], call: number): Promise<void> {
    const { name, root, output } = this.#command;
    let problem = "";
    const io: Io = {
      out: () => {},
      outBytes: () => {},
      err: (text) => void (problem += text),
      columns: 80,
      color: false,
      progress: false,
      now: () => 0,
      signal: new AbortController().signal,
    };
    // Work finished before the kill cannot be repeated: the import and the purge report that.
    const code = await main(args, io);
    const isDone = name === "import" && problem.includes("already exists") ||
      name === "purge" && problem.includes("Cannot find worker");
    if (code !== 0 && !isDone) throw this.#broken(call, `the command cannot be repeated: ${problem}`);
    const location = { root: join(directory, root), runtimeId: "local" };
    const report = await verify(location).catch((error) => {
      throw isRuntimeError(error) ? this.#broken(call, error.message) : error;
    });
    if (report.verdict === "damaged") throw this.#broken(call, JSON.stringify(report.findings));
    if (output === undefined) return;
    this.#checkOutput(directory, call);
    const left = [...Deno.readDirSync(directory)].filter(({ name }) => name.startsWith(`${output}.`));
    if (left.length > 0) throw this.#broken(call, `${left[0]?.name} was left`);
  }

  #broken(call: number, why: string): BrokenOracle {
    return new BrokenOracle("I4", `${this.#command.name}/process/${call}`, why);
  }
}

/** Writes a path of a tree below a directory. */
function write(directory: string, path: string, bytes: Uint8Array): void {
  const target = join(directory, path);
  if (path.endsWith("/")) return Deno.mkdirSync(target, { recursive: true });
  Deno.mkdirSync(join(target, ".."), { recursive: true });
  Deno.writeFileSync(target, bytes);
}
