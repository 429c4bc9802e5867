/**
 * Every command, in this process, on a store of nonsense in a directory of
 * the real file system.
 *
 * @module
 */
import { dirname, join } from "@std/path";
import { type Io, main } from "../../../cli/mod.ts";
import { HOME, ROOT } from "../../kit/opened.ts";
import { Finding } from "../script/history.ts";
import { settled } from "../script/stage.ts";

/** Commands that read; DIR and TO stand for directories. */
const reading: readonly string[] = [
  "inspect DIR",
  "show DIR alpha",
  "transcript DIR alpha --all",
  "events DIR",
  "events DIR -w alpha",
  "usage DIR",
  "usage DIR --by day",
  "report DIR",
  "verify DIR",
  "repair DIR",
  "export DIR -o FILE",
  "export DIR -w alpha",
  "import FILE TO --dry-run",
  "import FILE TO",
  "backup DIR TO/backup",
  "prune DIR",
  "purge DIR alpha",
];
/** Commands that change the store. */
const changing: readonly string[] = [
  "repair DIR --apply",
  "repair DIR --apply --salvage",
  "purge DIR alpha --apply",
  "prune DIR --apply",
];

/** Matches messages of raw errors that escaped. */
const RAW =
  /\n\s+at \S+ \(?\S+:\d+|Cannot read propert|is not a function|is not iterable|Invalid time value|Maximum call stack|(?:Type|Range|Syntax)Error/;

/** Number of commands that are run on one store. */
export const commandCount: number = 2 * (reading.length + changing.length);

/** Runs all commands on a store, with and without `--json`. */
export async function runCommands(files: ReadonlyMap<string, Uint8Array>): Promise<void> {
  const base = await Deno.makeTempDir({ prefix: "worker-runtime-nonsense-" });
  try {
    const directory = join(base, "store");
    await write(directory, files);
    for (const command of [...reading, ...changing]) {
      for (const json of [false, true]) await runCommand(base, directory, command, json);
    }
    const names = [...Deno.readDirSync(base)].map(({ name }) => name).filter((name) =>
      !/^(?:to\d?|store|file\d?)$/.test(name)
    );
    if (names.length > 0) throw new Finding("I1", `a command left ${names} beside its directories`);
  } finally {
    await Deno.remove(base, { recursive: true });
  }
}

async function write(directory: string, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
  for (const [path, bytes] of files) {
    if (!path.startsWith(`${HOME}/`) || path.endsWith("/")) continue;
    const target = join(directory, path.slice(ROOT.length));
    await Deno.mkdir(dirname(target), { recursive: true });
    await Deno.writeFile(target, bytes);
  }
}

async function runCommand(base: string, directory: string, command: string, json: boolean): Promise<void> {
  const suffix = json ? "2" : "";
  const names: Record<string, string> = {
    DIR: directory,
    TO: join(base, `to${suffix}`),
    FILE: join(base, `file${suffix}`),
    "TO/backup": join(base, `to${suffix}`, "backup"),
  };
  const args = command.split(" ").map((word) => names[word] ?? word);
  let [out, err] = ["", ""];
  const io: Io = {
    out: (text) => void (out += text),
    outBytes: (bytes) => void (out += new TextDecoder().decode(bytes)),
    err: (text) => void (err += text),
    columns: 100,
    color: false,
    progress: false,
    now: () => 1_800_000_000_000,
    signal: new AbortController().signal,
  };
  const code = await settled(main(json ? [...args, "--json"] : args, io));
  const told = err === "" && out.startsWith('{\n  "error"') ? out : err;
  if (![0, 1, 2, 3].includes(code) || RAW.test(told)) {
    throw new Finding("I1", `${command} ended with ${code} and said ${told.slice(0, 1_000)}`);
  }
  const isUntyped = json && out.startsWith('{\n  "error"') && JSON.parse(out).error.code === undefined;
  if (isUntyped) throw new Finding("I1", `${command} told an error without a code: ${out.slice(0, 1_000)}`);
}
