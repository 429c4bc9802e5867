/**
 * A measuring process: does the jobs that come in on standard input, one after
 * another. Each contender has processes of its own, so that memory, garbage
 * and stalls are its own too.
 *
 * @module
 */
// deno-lint-ignore-file no-console
import { TextLineStream } from "./text_lines.ts";
import type { Request, Response } from "./jobs.ts";
import { jobRunners } from "./worker_jobs.ts";

async function respond({ job, arguments: given }: Request): Promise<Response> {
  try {
    const run = jobRunners[job] as (given: unknown) => unknown;
    return { result: await run(given) };
  } catch (error) {
    return { error: error instanceof Error ? `${error.name}: ${error.message}` : String(error) };
  }
}

const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
for await (const line of lines) console.log(JSON.stringify(await respond(JSON.parse(line))));
// Nobody asks any more: what still runs has no listener.
Deno.exit();
