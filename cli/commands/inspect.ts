/**
 * `inspect`: what is there, and how it is doing.
 *
 * @module
 */
import { FsRuntimeSource, listRuntimes } from "../../fs_store.ts";
import { RuntimeReader, type WorkerState, type WorkerStatus } from "../../mod.ts";
import { readSmallFile } from "../../src/fs/disk/files.ts";
import { layoutIn } from "../../src/fs/layout.ts";
import { type StoreSizes, storeSizes } from "../../src/operate/sizes.ts";
import { exitCodes, tellFailure } from "../failure.ts";
import type { Io } from "../io.ts";
import { disk, isRuntimeDirectory } from "../place.ts";
import { oneLine, type Tone, tone } from "../style.ts";
import { pairs, table } from "../table.ts";
import { ago, amount, bytes, counted, dollars, time, whole } from "../units.ts";
import { printJson, type StoreOptions, withView } from "./view.ts";

/** Options of `inspect`. */
export interface InspectOptions extends StoreOptions {
  /** Workers to list; 0 for all. */
  readonly limit: number;
  /** Only workers of this status. */
  readonly status?: WorkerStatus | undefined;
}

/** Runs `inspect`. */
export async function inspectCommand(io: Io, directory: string, options: InspectOptions): Promise<number> {
  if (!isRuntimeDirectory(directory) && options.runtime === undefined) {
    const { runtimes } = listRuntimes(directory);
    if (runtimes.length !== 1) return await inspectAll(io, directory, options);
  }
  return await withView(io, directory, options, async (view, source) => {
    const facts = await factsOf(view, source, options);
    if (options.json) return printJson(io, facts.json);
    io.out(heading(io, view, source, facts));
    io.out(workerTable(io, facts.shown));
    const more = facts.count - facts.shown.length;
    if (more > 0) io.out(tone(io, "faint", `... and ${whole(more)} more; --limit 0 lists all\n`));
  });
}

/** What is told of one runtime. */
interface Facts {
  readonly sizes: StoreSizes;
  readonly closed: boolean;
  readonly owner: string | undefined;
  readonly shown: readonly WorkerState[];
  readonly count: number;
  readonly firstEventId: number;
  readonly json: unknown;
}

async function factsOf(
  view: RuntimeReader,
  source: FsRuntimeSource,
  { limit, status }: InspectOptions,
): Promise<Facts> {
  const { damage, directory, pending } = source;
  const workers = [...view.allWorkers()].filter((state) => status === undefined || state.status === status);
  workers.sort((a, b) => b.lastEventId - a.lastEventId);
  const shown = limit === 0 ? workers : workers.slice(0, limit);
  const ids = [...view.allWorkers()].map(({ record }) => record.workerId);
  const sizes = storeSizes(disk, directory, ids);
  const newest = damage === undefined ? await view.events({ limit: 1 }) : undefined;
  const closed = newest?.items.at(-1)?.type === "runtime.closed";
  const owner = closed ? undefined : ownerOf(directory);
  const firstEventId = source.segments[0] ?? 1;
  const json = {
    directory,
    overview: view.overview(),
    firstEventId,
    closed,
    owner: owner ?? null,
    sizes,
    pending,
    damage: damage === undefined
      ? null
      : { code: damage.code, message: damage.message, details: damage.details },
    workers: shown,
    workersMatching: workers.length,
    diagnostics: view.diagnostics(),
  };
  return { sizes, closed, owner, shown, count: workers.length, firstEventId, json };
}

/** Who opened it last, for people. */
function ownerOf(directory: string): string | undefined {
  try {
    const content = JSON.parse(
      new TextDecoder().decode(readSmallFile(disk, layoutIn(directory).owner, 4_096)),
    );
    return typeof content.pid === "number"
      ? `process ${content.pid}, since ${time(String(content.openedAt))}`
      : undefined;
  } catch {
    // For people only: without it there is less to tell.
    return undefined;
  }
}

function heading(
  io: Io,
  view: RuntimeReader,
  { directory, pending }: FsRuntimeSource,
  { sizes, closed, owner, firstEventId }: Facts,
): string {
  const overview = view.overview();
  const { workers, usage, lastEventId, updatedAt, displayName, runtimeId, epoch } = overview;
  const title = displayName === undefined ? runtimeId : `${runtimeId} (${displayName})`;
  const state = overview.status === "stopped"
    ? "stopped for good"
    : closed
    ? "closed in good order"
    : "open, or not closed";
  const segments = `${bytes(sizes.log)} in ${counted(sizes.segments, "segment")}`;
  const kept = firstEventId === 1 ? "" : `, ${whole(firstEventId)} on are kept`;
  const ended = [
    workers.stopped > 0 ? `${whole(workers.stopped)} stopped` : "",
    workers.cancelled > 0 ? `${whole(workers.cancelled)} cancelled` : "",
  ];
  const counts = [
    `${whole(workers.running)} running`,
    workers.busy > 0 ? `${whole(workers.busy)} of them busy` : "",
    ...ended,
  ];
  const entries: [string, string][] = [
    ["state", owner === undefined ? state : `${state} (${owner})`],
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
      `${bytes(sizes.total)}: log ${segments}, transcripts ${bytes(sizes.transcripts)}, checkpoints ${
        bytes(sizes.checkpoints)
      }`,
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
  stopped: "faint",
  cancelled: "bad",
};

function workerTable(io: Io, workers: readonly WorkerState[]): string {
  if (workers.length === 0) return tone(io, "faint", "no workers\n");
  const rows = workers.map(({ record, status, run, transcriptLength, usage, updatedAt }) => {
    const shown = run === null ? status : "busy";
    return [
      oneLine(record.workerId),
      oneLine(record.displayName ?? intentOf(record.intent)),
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
    { name: "STATUS" },
    { name: "ENTRIES", align: "right", optional: true },
    { name: "TOKENS", align: "right", optional: true },
    { name: "COST", align: "right" },
    { name: "ACTIVE" },
  ], rows);
}

/** What a worker is for, in one text. */
export function intentOf(intent: WorkerState["record"]["intent"]): string {
  if (intent.kind === "task") return intent.objective;
  if (intent.kind === "role") {
    return intent.purpose === undefined ? intent.role : `${intent.role}: ${intent.purpose}`;
  }
  return intent.purpose ?? "assistant";
}

/** Several runtimes: a row for each; one that cannot be read hides none of the others. */
async function inspectAll(io: Io, root: string, options: InspectOptions): Promise<number> {
  const { runtimes, unfinishedImports, foreign } = listRuntimes(root);
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
      code = Math.max(code, options.json ? exitCodes.failed : tellFailure(io, error, false));
      rows.push([oneLine(runtimeId), tone(io, "bad", "unreadable"), "", "", "", "", ""]);
      json.push({ runtimeId, directory, problem: error instanceof Error ? error.message : String(error) });
    }
  }
  if (options.json) printJson(io, { root, runtimes: json, unfinishedImports, foreign });
  else if (rows.length === 0) io.out("no runtimes\n");
  else {
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
    io.out(table(io, columns, rows));
  }
  for (const runtimeId of options.json ? [] : unfinishedImports) {
    io.out(`The import of ${oneLine(runtimeId)} did not finish; run it again.\n`);
  }
  return code;
}
