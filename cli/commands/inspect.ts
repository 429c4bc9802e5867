/**
 * `inspect`: overview of a runtime, or of all runtimes of a root directory.
 *
 * @module
 */
import { FsRuntimeSource } from "../../fs_store.ts";
import { RuntimeReader, type WorkerState } from "../../mod.ts";
import {
  isRuntimeDirectory,
  listRuntimes,
  locateStore,
  type RuntimeListing,
  storeOwner,
  type StoreSizes,
  storeSizes,
} from "../../operate.ts";
import { conditionOf, intentOf, isClosed, labelsText } from "../describe.ts";
import { exitCodes, reportFailure } from "../failure.ts";
import { type Io, print } from "../io.ts";
import type { Options } from "../options.ts";
import { oneLine, type Tone, tone } from "../style.ts";
import { pairs, table } from "../table.ts";
import { ago, amount, bytes, counted, dollars, time, whole } from "../units.ts";
import { type Opened, withView } from "./view.ts";

/** Runs `inspect`. */
export async function inspectCommand(
  io: Io,
  options: Options,
  directory: string,
): Promise<number> {
  if (options.runtime === undefined && !isRuntimeDirectory(directory)) {
    const listing = listRuntimes(directory);
    if (listing.runtimes.length !== 1) return await inspectAll(io, options, directory, listing);
  }
  const location = locateStore(directory, options.runtime);
  return await withView(io, options, location, (opened) => inspectOne(io, options, opened));
}

async function inspectOne(io: Io, { limit, status, json }: Options, opened: Opened): Promise<void> {
  const { view, source, location } = opened;
  const all = [...view.allWorkers()];
  const workers = all.filter((state) => status === undefined || state.status === status);
  workers.sort((a, b) => b.lastEventId - a.lastEventId);
  const shown = limit === 0 ? workers : workers.slice(0, limit);
  const sizes = storeSizes(location, all.map(({ record }) => record.workerId));
  const closed = await isClosed(view, source);
  const by = closed ? undefined : storeOwner(location);
  const owner = by === undefined ? null : `process ${by.pid}, since ${time(by.openedAt)}`;
  const { damage, directory, pending } = source;
  const overview = view.overview();
  const facts = {
    directory,
    overview,
    firstEventId: source.segments[0] ?? 1,
    closed,
    owner,
    sizes,
    pending,
    damage: damage === undefined
      ? null
      : { code: damage.code, message: damage.message, details: damage.details },
    workers: shown,
    workersMatching: workers.length,
    diagnostics: view.diagnostics(),
  };
  const condition = conditionOf(overview.status, closed);
  const state = owner === null ? condition : `${condition} (${owner})`;
  const more = workers.length - shown.length;
  const rest = more > 0 ? `... and ${whole(more)} more; --limit 0 lists all\n` : "";
  print(
    io,
    json,
    facts,
    heading(io, opened, sizes, state) + workerTable(io, shown) + tone(io, "faint", rest),
  );
}

function heading(io: Io, { view, source }: Opened, sizes: StoreSizes, state: string): string {
  const overview = view.overview();
  const { directory, pending, segments: [firstEventId = 1] } = source;
  const { workers, usage, lastEventId, updatedAt, displayName, runtimeId, epoch } = overview;
  const title = displayName === undefined ? runtimeId : `${runtimeId} (${displayName})`;
  const segments = `${bytes(sizes.log)} in ${counted(sizes.segments, "segment")}`;
  const kept = firstEventId === 1 ? "" : `, ${whole(firstEventId)} on are kept`;
  const ended = [
    workers.stopped > 0 ? `${whole(workers.stopped)} stopped` : "",
    workers.retired > 0 ? `${whole(workers.retired)} retired` : "",
  ];
  const counts = [
    `${whole(workers.running)} running`,
    workers.busy > 0 ? `${whole(workers.busy)} of them busy` : "",
    ...ended,
  ];
  const entries: [string, string][] = [
    ["state", state],
    ["opened", `${counted(epoch, "time")}, created ${time(overview.createdAt)}`],
    ["events", `${whole(lastEventId)}${kept}; the last ${ago(updatedAt, io.now())}`],
    ["workers", `${whole(workers.total)}: ${counts.filter((text) => text !== "").join(", ")}`],
    [
      "usage",
      `${amount(usage.inputTokens)} in, ${amount(usage.outputTokens)} out, ${
        counted(usage.requests, "request")
      }, ${dollars(usage.costMicroUsd)}`,
    ],
    [
      "size",
      `${bytes(sizes.total)}: log ${segments}, transcripts ${bytes(sizes.transcripts)}, blobs ${
        bytes(sizes.blobs)
      }, checkpoints ${bytes(sizes.checkpoints)}`,
    ],
  ];
  if (sizes.quarantine > 0) entries.push(["set aside", bytes(sizes.quarantine)]);
  if (pending.events + pending.bytes > 0) {
    entries.push([
      "pending",
      `${counted(pending.events, "event")} and ${bytes(pending.bytes)} of an unfinished write`,
    ]);
  }
  return `${tone(io, "strong", oneLine(title))}  ${tone(io, "faint", directory)}\n${pairs(io, entries)}\n`;
}

const STATUS_TONES: Readonly<Record<string, Tone>> = {
  busy: "warn",
  running: "good",
  stopped: "name",
  retired: "faint",
};

function workerTable(io: Io, workers: readonly WorkerState[]): string {
  if (workers.length === 0) return tone(io, "faint", "no workers\n");
  const hasLabels = workers.some(({ labels }) => Object.keys(labels).length > 0);
  const rows = workers.map((state) => {
    const { record, displayName, labels, status, run, transcriptLength, usage, updatedAt } = state;
    const shown = run === null ? status : "busy";
    return [
      oneLine(record.workerId),
      oneLine(displayName ?? intentOf(record.intent)),
      ...(hasLabels ? [oneLine(labelsText(labels))] : []),
      tone(io, STATUS_TONES[shown] ?? "faint", shown),
      whole(transcriptLength),
      amount(usage.inputTokens + usage.outputTokens),
      dollars(usage.costMicroUsd),
      ago(updatedAt, io.now()),
    ];
  });
  return table(io, [
    { name: "WORKER", flexible: true },
    { name: "WHAT", flexible: true },
    ...(hasLabels ? [{ name: "LABELS", flexible: true, optional: true }] : []),
    { name: "STATUS" },
    { name: "ENTRIES", align: "right", optional: true },
    { name: "TOKENS", align: "right", optional: true },
    { name: "COST", align: "right" },
    { name: "ACTIVE" },
  ], rows);
}

/** Several runtimes: a row for each; one that cannot be read hides none of the others. */
async function inspectAll(
  io: Io,
  { json: isJson }: Options,
  root: string,
  { runtimes, unfinishedImports, foreign }: RuntimeListing,
): Promise<number> {
  let code: number = exitCodes.ok;
  const rows: string[][] = [];
  const json: unknown[] = [];
  for (const { runtimeId, directory, problem } of runtimes) {
    try {
      const source = new FsRuntimeSource({ directory });
      await using view = await RuntimeReader.open({ source });
      const { workers, usage, lastEventId, updatedAt, status } = view.overview();
      // The directory may hold a copy of another runtime: intact, but not openable under this name.
      const original = view.runtimeId === runtimeId ? undefined : view.runtimeId;
      const isDamaged = source.damage !== undefined || problem !== undefined && original === undefined;
      if (isDamaged) code = exitCodes.damaged;
      const state = original === undefined ? status : `copy of ${oneLine(original)}`;
      const shown = isDamaged ? tone(io, "bad", "damaged") : state;
      rows.push([
        oneLine(runtimeId),
        shown,
        whole(workers.total),
        whole(workers.busy),
        whole(lastEventId),
        dollars(usage.costMicroUsd),
        ago(updatedAt, io.now()),
      ]);
      json.push({
        runtimeId,
        directory,
        problem: problem ?? source.damage?.message ?? null,
        overview: view.overview(),
      });
    } catch (error) {
      code = Math.max(code, isJson ? exitCodes.failed : reportFailure(io, error, false));
      rows.push([oneLine(runtimeId), tone(io, "bad", "unreadable"), "", "", "", "", ""]);
      json.push({ runtimeId, directory, problem: error instanceof Error ? error.message : String(error) });
    }
  }
  const right = { align: "right" } as const;
  const columns = [
    { name: "RUNTIME", flexible: true },
    { name: "STATE" },
    { name: "WORKERS", ...right },
    { name: "BUSY", ...right },
    { name: "EVENTS", ...right },
    { name: "COST", ...right },
    { name: "ACTIVE" },
  ];
  const listed = rows.length === 0 ? "no runtimes\n" : table(io, columns, rows);
  const imports = unfinishedImports.map((id) =>
    `The import of ${oneLine(id)} did not finish; run it again.\n`
  );
  print(io, isJson, { root, runtimes: json, unfinishedImports, foreign }, listed + imports.join(""));
  return code;
}
