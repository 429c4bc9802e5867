/**
 * Examples run as a reader runs them: in a directory of their own, with the
 * flags that they name, as processes that can be killed.
 *
 * @module
 */
import { fromFileUrl } from "@std/path";
import { Runtime } from "../../mod.ts";
import { FsRuntimeStore } from "../../fs_store.ts";
import { privileged } from "../privileged.ts";

const repository = fromFileUrl(new URL("../..", import.meta.url));

/** The file of an example by its name, or of a program by its path. */
function fileOf(name: string): string {
  return name.endsWith(".ts") ? name : `${repository}examples/${name}.ts`;
}

/** Output and end of a process. */
export interface Ended {
  /** Exit code. */
  readonly code: number;
  /** Signal that ended it. */
  readonly signal: string | null;
  /** Its output. */
  readonly out: string;
  /** Its messages. */
  readonly err: string;
}

/** A running example. */
export class Example {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #ended: Promise<Ended>;
  #err = "";

  /** Starts an example, or the program at a path, in a directory. */
  constructor(
    name: string,
    directory: string,
    flags: readonly string[],
    args: readonly string[] = [],
    env: Readonly<Record<string, string>> = {},
  ) {
    const config = `--config=${repository}deno.json`;
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", "--quiet", config, ...flags, fileOf(name), ...args],
      cwd: directory,
      env: { DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1", ...env },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    this.#ended = this.#end();
  }

  async #end(): Promise<Ended> {
    const { stdout, stderr, status } = this.#child;
    const hearing = async (): Promise<void> => {
      for await (const piece of stderr.pipeThrough(new TextDecoderStream())) this.#err += piece;
    };
    const [out, { code, signal }] = await Promise.all([new Response(stdout).text(), status, hearing()]);
    return { code, signal, out, err: this.#err };
  }

  /** Resolves once its messages include a text. */
  async complains(text: string): Promise<void> {
    await until(() => this.#err.includes(text));
  }

  /** Types lines. */
  async type(...lines: readonly string[]): Promise<void> {
    for (const line of lines) await this.#input.write(new TextEncoder().encode(`${line}\n`));
  }

  /** Ends its input and waits for its end. */
  async finish(): Promise<Ended> {
    await this.#input.close().catch(() => {});
    return await this.#ended;
  }

  /** Interrupts it, as Ctrl-C does, and waits for its end. */
  async interrupt(): Promise<Ended> {
    this.#child.kill("SIGINT");
    await this.#input.abort().catch(() => {});
    return await this.#ended;
  }

  /** Kills it with SIGKILL. */
  async kill(): Promise<Ended> {
    this.#child.kill("SIGKILL");
    await this.#input.abort().catch(() => {});
    return await this.#ended;
  }
}

/** A test that starts processes in a directory of its own, unless there is an obstacle. */
export function exampleTest(
  name: string,
  body: (directory: string) => Promise<void>,
  obstacle?: string,
): void {
  Deno.test({
    ...privileged(name, obstacle),
    fn: async () => {
      const directory = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "worker-runtime-test-" }));
      try {
        await body(directory);
      } finally {
        Deno.removeSync(directory, { recursive: true });
      }
    },
  });
}

/** Opens what an example kept in its directory. */
export async function openKept(directory: string, runtimeId: string): Promise<Runtime> {
  const root = `${directory}/data`;
  return await Runtime.open({ store: new FsRuntimeStore({ root, runtimeId, create: false }) });
}

/** Resolves once `holds`; throws after a minute. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!await holds()) {
    if (performance.now() > deadline) throw new Error("Cannot wait any longer: a minute has passed");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
