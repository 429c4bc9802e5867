/**
 * Signals to the processes of a server.
 *
 * @module
 */
import type { Server } from "../../postgres/server.ts";

/** Kills all processes of a server. */
export async function killServer({ data }: Server): Promise<void> {
  const main = Deno.readTextFileSync(`${data}/postmaster.pid`).split("\n")[0] ?? "";
  // A suspended parent starts no further processes.
  await shell(`kill -STOP ${main}; kill -KILL $(cat /proc/${main}/task/${main}/children) ${main}`);
}

/** Suspends processes. */
export async function suspend(pids: readonly number[]): Promise<void> {
  await shell(`kill -STOP ${pids.join(" ")}`);
}

async function shell(script: string): Promise<void> {
  const { success, stderr } = await new Deno.Command("sh", { args: ["-c", script], stderr: "piped" })
    .output();
  if (!success) throw new Error(`Cannot run ${script}: ${new TextDecoder().decode(stderr)}`);
}
