/**
 * `inspect`: overview of a runtime, or of all runtimes of a root directory.
 *
 * @module
 */
import type { WorkerState } from "../../mod.ts";
import {
  isRuntimeDirectory,
  listRuntimes,
  locateStore,
  type PostgresSpace,
  type RuntimeListing,
  type StoreSizes,
  unfinishedImports,
} from "../../operate.ts";
import { type DirectoryEntry, RuntimeDirectory } from "../../postgres_store.ts";
import { type Database, isDatabase } from "../database.ts";
import { conditionOf, intentOf, isClosed, labelsText } from "../describe.ts";
import { exitCodes, reportFailure } from "../failure.ts";
import { type Io, print } from "../io.ts";
import type { Options } from "../options.ts";
import { oneLine, type Tone, tone } from "../style.ts";
import { pairs, table } from "../table.ts";
import { ago, amount, bytes, counted, dollars, time, whole } from "../units.ts";
import { openDirectory, type OpenedStore } from "../store.ts";
import { assertNoSpace, inDatabase, inSpace, type Located, withStore, withView } from "./view.ts";

/** Runs `inspect`. */
export async function inspectCommand(io: Io, options: Options, place: string): Promise<number> {
  if (options.runtime !== undefined) {
    return await withStore(place, options, (at) => inspectAt(io, options, at));
  }
  if (isDatabase(place)) {
    return await inDatabase(place, options, async (database, space) => {
      const listed = await runtimesIn(database, space);
      const [only] = listed;
      return only !== undefined && listed.length === 1
        ? await inspectAt(io, options, only)
        : await inspectAll(io, options, {
          root: database.name,
          listed,
          unfinishedImports: await unfinishedImports(space),
          foreign: [],
        });
    });
  }
  assertNoSpace(options);
  if (!isRuntimeDirectory(place)) {
    const { runtimes, ...others } = listRuntimes(place);
    if (runtimes.length !== 1) {
      const listed = runtimes.map((runtime) => ({ ...runtime, ...locatedAt(runtime.directory) }));
      return await inspectAll(io, options, { root: place, listed, ...others });
    }
  }
  const location = locateStore(place);
  return await inspectAt(io, options, { location, open: () => openDirectory(location) });
}

function locatedAt(directory: string): Located {
  return { location: { directory }, open: () => openDirectory({ directory }) };
}

/** The runtimes of a space, with their owners. */
async function runtimesIn(database: Database, space: PostgresSpace): Promise<Listed[]> {
  const directory = new RuntimeDirectory(space);
  const listed: Listed[] = [];
  let after: string | undefined;
  do {
    const { items, next } = await directory.list({ after, limit: 1_000 });
    for (const entry of items) {
      const { runtimeId } = entry;
      listed.push({ runtimeId, entry, ...inSpace(database, { ...space, runtimeId }) });
    }
    after = next ?? undefined;
  } while (after !== undefined);
  return listed;
}

async function inspectAt(io: Io, options: Options, located: Located): Promise<number> {
  return await withView(io, options, located, (opened) => inspectOne(io, options, opened));
}

async function inspectOne(io: Io, { limit, status, json }: Options, opened: OpenedStore): Promise<void> {
  const { view, name: directory, firstEventId, damage, pending } = opened;
  const all = [...view.allWorkers()];
  const workers = all.filter((state) => status === undefined || state.status === status);
  workers.sort((a, b) => b.lastEventId - a.lastEventId);
  const shown = limit === 0 ? workers : workers.slice(0, limit);
  const sizes = await opened.sizes();
  const closed = await isClosed(opened);
  const owner = closed ? null : await opened.owner();
  const overview = view.overview();
  const facts = {
    directory,
    overview,
    firstEventId,
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

function heading(
  io: Io,
  { view, name, firstEventId, pending }: OpenedStore,
  sizes: StoreSizes,
  state: string,
): string {
  const overview = view.overview();
  const { workers, usage, lastEventId, updatedAt, displayName, runtimeId, epoch } = overview;
  const title = displayName === undefined ? runtimeId : `${runtimeId} (${displayName})`;
  const segments = sizes.segments === 0 ? "" : ` in ${counted(sizes.segments, "segment")}`;
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
      `${bytes(sizes.total)}: log ${bytes(sizes.log)}${segments}, transcripts ${
        bytes(sizes.transcripts)
      }, blobs ${bytes(sizes.blobs)}, checkpoints ${bytes(sizes.checkpoints)}`,
    ],
  ];
  if (sizes.quarantine > 0) entries.push(["set aside", bytes(sizes.quarantine)]);
  if (pending.events + pending.bytes > 0) {
    entries.push([
      "pending",
      `${counted(pending.events, "event")} and ${bytes(pending.bytes)} of an unfinished write`,
    ]);
  }
  return `${tone(io, "strong", oneLine(title))}  ${tone(io, "faint", name)}\n${pairs(io, entries)}\n`;
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

/** A runtime to list. */
interface Listed extends Located {
  /** Its name: that of its directory may differ from its id. */
  readonly runtimeId: string;
  /** Its directory, if it is on disk. */
  readonly directory?: string;
  /** Reason why its identity cannot be read. */
  readonly problem?: string;
  /** Its owner, if it is in a database. */
  readonly entry?: DirectoryEntry;
}

/** Runtimes, and what else is beside them. */
interface Listing extends Omit<RuntimeListing, "runtimes"> {
  readonly root: string;
  readonly listed: readonly Listed[];
}

/** Several runtimes: a row for each; one that cannot be read hides none of the others. */
async function inspectAll(
  io: Io,
  { json: isJson }: Options,
  { root, listed, unfinishedImports, foreign }: Listing,
): Promise<number> {
  let code: number = exitCodes.ok;
  const rows: string[][] = [];
  const json: unknown[] = [];
  for (const { runtimeId, directory, problem, entry, open } of listed) {
    const { owner, address } = entry ?? {};
    const place = { runtimeId, directory, ...(entry === undefined ? {} : { owner, address }) };
    const owned = entry === undefined ? [] : [oneLine(owner ?? ""), oneLine(address ?? "")];
    try {
      await using store = await open();
      const { view, damage } = store;
      const { workers, usage, lastEventId, updatedAt, status } = view.overview();
      // The directory may hold a copy of another runtime: intact, but not openable under this name.
      const original = view.runtimeId === runtimeId ? undefined : view.runtimeId;
      const isDamaged = damage !== undefined || problem !== undefined && original === undefined;
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
        ...owned,
      ]);
      json.push({ ...place, problem: problem ?? damage?.message ?? null, overview: view.overview() });
    } catch (error) {
      code = Math.max(code, isJson ? exitCodes.failed : reportFailure(io, error, false));
      rows.push([oneLine(runtimeId), tone(io, "bad", "unreadable"), "", "", "", "", "", ...owned]);
      json.push({ ...place, problem: error instanceof Error ? error.message : String(error) });
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
    ...(listed.some(({ entry }) => entry !== undefined)
      ? [{ name: "OWNER", flexible: true }, { name: "ADDRESS", flexible: true }]
      : []),
  ];
  const runtimes = rows.length === 0 ? "no runtimes\n" : table(io, columns, rows);
  const imports = unfinishedImports.map((id) =>
    `The import of ${oneLine(id)} did not finish; run it again.\n`
  );
  print(io, isJson, { root, runtimes: json, unfinishedImports, foreign }, runtimes + imports.join(""));
  return code;
}
