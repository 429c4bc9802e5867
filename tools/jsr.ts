/**
 * Runs a command so that its `jsr:` imports work on a machine that cannot reach JSR:
 *
 *     deno run -A tools/jsr.ts [--std DIR] COMMAND [ARGUMENT...]
 *
 * README.md in this directory describes how it chooses a registry, and the stand-ins.
 *
 * @module
 */
// deno-lint-ignore-file no-console

import { serveRegistry } from "./registry.ts";
import { run } from "./run.ts";

/** Deno's default for `JSR_URL`. */
const JSR_URL_DEFAULT = "https://jsr.io/";
const PROBE_TIMEOUT_MS = 3_000;

interface Options {
  /** Directory of the packages to serve; chosen by the tool if undefined. */
  readonly std: string | undefined;
  readonly command: string[];
}

function parse(args: string[]): Options {
  const hasStd = args[0] === "--std" && args[1] !== undefined;
  const rest = hasStd ? args.slice(2) : args;
  return { std: hasStd ? args[1] : undefined, command: rest[0] === "--" ? rest.slice(1) : rest };
}

/** The directory to serve; undefined if the command can use JSR or has a registry. */
async function directory(std: string | undefined): Promise<string | undefined> {
  if (std !== undefined) return std;
  // Set by the user, or by an outer run of this tool.
  if (Deno.env.get("JSR_URL")) return undefined;
  const fromEnv = Deno.env.get("WORKER_RUNTIME_STD_DIR");
  if (fromEnv) return fromEnv;
  return await answers(JSR_URL_DEFAULT) ? undefined : `${import.meta.dirname}/std`;
}

async function answers(url: string): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(PROBE_TIMEOUT_MS);
    const response = await fetch(new URL("@std/path/meta.json", url), { signal });
    // The answer may come from a proxy that rejects the request with a page of its own.
    return "versions" in await response.json();
  } catch {
    return false;
  }
}

async function main(): Promise<number> {
  const { std, command } = parse(Deno.args);
  if (command.length === 0) {
    console.error("Usage: deno run -A tools/jsr.ts [--std DIR] COMMAND [ARGUMENT...]");
    return 2;
  }
  const dir = await directory(std);
  if (dir === undefined) return await run(command);
  await using registry = serveRegistry(dir);
  console.error(`jsr: @std comes from ${dir}`);
  return await run(command, { env: { JSR_URL: registry.url } });
}

Deno.exit(await main());
