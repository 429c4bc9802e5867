/**
 * Commands that move a store: `export`, `import` and `backup`.
 *
 * @module
 */
import {
  backup,
  type BackupReport,
  exportRuntime,
  importRuntime,
  importWorker,
  type OpenedStream,
  openRuntime,
  openStream,
  type OperationOptions,
  type PostgresLocation,
  type PostgresSpace,
  saveStream,
  type StoreLocation,
} from "../../operate.ts";
import { Runtime } from "../../mod.ts";
import { createSchema, PostgresRuntimeStore } from "../../postgres_store.ts";
import { invalidRequest } from "../../store.ts";
import { isDatabase } from "../database.ts";
import { exitCodes } from "../failure.ts";
import { type Io, print } from "../io.ts";
import type { Options } from "../options.ts";
import { withProgress } from "../progress.ts";
import { tone } from "../style.ts";
import { bytes, counted, whole } from "../units.ts";
import { exitCodeOf, findingsTable } from "./checking.ts";
import { assertNoSpace, inDatabase, type Located, withStore } from "./view.ts";

/** Runs `export`. */
export async function exportCommand(io: Io, options: Options, { location }: Located): Promise<void> {
  const { worker } = options;
  await writeOutput(io, options, location, (progress) => exportRuntime(location, { ...progress, worker }));
}

/** Runs `import`. */
export async function importCommand(
  io: Io,
  options: Options,
  file: string,
  to: string,
): Promise<void> {
  if (options.worker !== undefined) return await importOne(io, options, file, to, options.worker);
  for (const name of ["as", "runtime"] as const) {
    if (options[name] !== undefined) throw invalidRequest("import", `--${name}: only with --worker`);
  }
  if (!isDatabase(to)) {
    assertNoSpace(options);
    return await importTo(io, options, file, to);
  }
  await inDatabase(to, options, async ({ client, name }, place) => {
    if (options.dryRun !== true) await createSchema(client);
    await importTo(io, options, file, place, `${name}, space ${JSON.stringify(place.space)}`);
  });
}

async function importTo(
  io: Io,
  { dryRun = false, json }: Options,
  file: string,
  to: string | PostgresSpace,
  name?: string,
): Promise<void> {
  const { stream, totalBytes = undefined } = file === "-"
    ? { stream: Deno.stdin.readable }
    : openStream(file);
  const report = await withProgress(
    io,
    json,
    (progress) => importRuntime(to, stream, { ...progress, totalBytes, dryRun }),
  );
  const what = `${counted(report.events, "event")} and ${counted(report.workers, "worker")}`;
  const text = dryRun
    ? `The stream is intact: ${what}.\n`
    : `Imported ${what} into ${report.directory ?? name}\n`;
  print(io, json, { ...report, dryRun }, text);
}

/** Imports one worker into an existing store. */
async function importOne(
  io: Io,
  options: Options,
  file: string,
  to: string,
  workerId: string,
): Promise<void> {
  const { json, as, dryRun } = options;
  if (file === "-") throw invalidRequest("import worker", "a file is needed: it is read twice");
  if (dryRun) throw invalidRequest("import worker", "--dry-run: only without --worker");
  let opened: OpenedStream | undefined = openStream(file);
  const { totalBytes } = opened;
  const stream = (): OpenedStream["stream"] => {
    const { stream } = opened ?? openStream(file);
    opened = undefined;
    return stream;
  };
  try {
    const report = await withOwner(
      options,
      to,
      (runtime) =>
        withProgress(
          io,
          json,
          (progress) => importWorker(runtime, stream, { ...progress, totalBytes, workerId, as }),
        ),
    );
    const entries = report.entries === 1 ? "1 entry" : `${whole(report.entries)} entries`;
    const done = report.duplicate ? "Imported before" : "Imported";
    print(io, json, report, `${done}: worker ${JSON.stringify(report.workerId)} with ${entries}\n`);
  } finally {
    await opened?.stream.cancel();
  }
}

/** Runs work on the runtime of an existing store, opened for writing. */
async function withOwner<T>(
  options: Options,
  to: string,
  work: (runtime: Runtime) => Promise<T>,
): Promise<T> {
  return await withStore(to, options, async ({ location }) => {
    await using runtime = "client" in location
      ? await Runtime.open({ store: new PostgresRuntimeStore(location) })
      : await openRuntime(location);
    return await work(runtime);
  });
}

/** Runs `backup`. */
export async function backupCommand(
  io: Io,
  { verify, json }: Options,
  location: StoreLocation,
  to: string,
): Promise<number> {
  const report = await withProgress(io, json, (progress) => backup(location, { ...progress, to, verify }));
  print(io, json, report, backupText(io, report));
  return report.verified === undefined ? exitCodes.ok : exitCodeOf(report.verified.verdict);
}

function backupText(
  io: Io,
  { directory, verified, segments, blobs, copiedBytes, keptBytes, lastEventId }: BackupReport,
): string {
  const copied = `${bytes(copiedBytes)} copied, ${bytes(keptBytes)} unchanged`;
  const inSegments = `${counted(segments.copied, "segment")} copied, ${whole(segments.kept)} unchanged`;
  const blobTexts = [
    ...(blobs.copied + blobs.kept > 0
      ? [`; ${counted(blobs.copied, "blob")} copied, ${whole(blobs.kept)} unchanged`]
      : []),
    ...(blobs.damaged > 0 ? [tone(io, "bad", `; ${counted(blobs.damaged, "damaged blob")} not copied`)] : []),
  ];
  const verdict = verified === undefined ? "" : `  verified: ${verified.verdict}\n`;
  const findings = verified === undefined || verified.verdict === "clean" ? "" : findingsTable(io, verified);
  return `${tone(io, "strong", directory)}\n` +
    `  through event ${whole(lastEventId)}: ${copied}; ${inSegments}${
      blobTexts.join("")
    }\n${verdict}${findings}`;
}

/** Writes a stream that is read from a store, and reports the file and its size. */
export async function writeOutput(
  io: Io,
  { output = "-", force, json }: Options,
  location: StoreLocation | PostgresLocation,
  streamOf: (options: OperationOptions) => AsyncIterable<Uint8Array>,
): Promise<void> {
  if (output === "-") {
    for await (const chunk of streamOf({ signal: io.signal })) io.outBytes(chunk);
    return;
  }
  const source = "client" in location ? undefined : location;
  const written = await withProgress(
    io,
    json,
    (progress) => saveStream(output, streamOf(progress), { replace: force, source }),
  );
  print(io, json, { file: output, bytes: written }, `Wrote ${bytes(written)} to ${output}\n`);
}
