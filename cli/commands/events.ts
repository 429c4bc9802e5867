/**
 * `events`: pages of the log, and new events as they are added.
 *
 * @module
 */
import type {
  EventPage,
  EventsOptions,
  RuntimeEvent,
  RuntimeReader,
  WorkerChanges,
  WorkerCreated,
} from "../../mod.ts";
import { type Io, print } from "../io.ts";
import type { Options } from "../options.ts";
import { excerptOf } from "../parts.ts";
import { beginningOf, oneLine, tone } from "../style.ts";
import { table } from "../table.ts";
import { amount, dollars, time, whole } from "../units.ts";
import type { OpenedStore } from "../store.ts";

/** Runs `events`. */
export async function eventsCommand(io: Io, options: Options, { view }: OpenedStore): Promise<void> {
  const { limit, after, before, worker } = options;
  if (worker !== undefined) view.worker(worker);
  const page = await filledPage(view, { limit: Math.max(1, limit), after, before, worker });
  const { items, previous, next } = page;
  if (options.follow) return await follow(io, view, limit === 0 ? [] : items, next, options);
  const older = previous === null ? "" : `older events: --before ${previous}\n`;
  const newer = next === null ? "" : `newer events: --after ${next}\n`;
  const rows = items.length === 0
    ? tone(io, "faint", "no events in this page\n")
    : table(io, COLUMNS, items.map(rowOf));
  print(io, options.json, page, `${rows}${tone(io, "faint", older + newer)}`);
}

/** Reads further pages until a page holds as many events of a worker as requested; one page scans a bounded part of the log. */
export async function filledPage(
  view: RuntimeReader,
  options: EventsOptions & { readonly limit: number },
): Promise<EventPage> {
  let page = await view.events(options);
  for (;;) {
    const limit = options.limit - page.items.length;
    const isForward = options.after !== undefined;
    const cursor = isForward ? page.next : page.previous;
    if (limit <= 0 || cursor === null) return page;
    const { after: _after, before: _before, ...rest } = options;
    const more = await view.events({
      ...rest,
      limit,
      ...(isForward ? { after: cursor } : { before: cursor }),
    });
    page = isForward
      ? { ...page, items: [...page.items, ...more.items], next: more.next }
      : { ...page, items: [...more.items, ...page.items], previous: more.previous };
  }
}

const COLUMNS = [
  { name: "EVENT", align: "right" },
  { name: "TIME", optional: true },
  { name: "TYPE" },
  { name: "WORKER", flexible: true },
  { name: "WHAT", flexible: true },
] as const;

async function follow(
  io: Io,
  view: RuntimeReader,
  first: readonly RuntimeEvent[],
  next: number | null,
  options: Options,
): Promise<void> {
  const print = (event: RuntimeEvent): void => {
    const [id = "", at = "", type = "", worker = "", what = ""] = rowOf(event);
    const line = `${id.padStart(8)}  ${at}  ${type.padEnd(16)}  ${worker}${what === "" ? "" : `  ${what}`}`;
    io.out(`${options.json ? JSON.stringify(event) : line.slice(0, Math.max(40, io.columns))}\n`);
  };
  for (const event of first) print(event);
  const after = next ?? Math.max(view.lastEventId, options.after ?? 0);
  for await (
    const event of view.watch({
      after,
      workers: options.worker === undefined ? undefined : [options.worker],
      signal: io.signal,
    })
  ) print(event);
}

function rowOf(event: RuntimeEvent): string[] {
  const worker = "workerId" in event && event.workerId !== undefined ? oneLine(event.workerId) : "";
  const type = event.type === "unknown" ? String(event.event.type) : event.type;
  return [
    String(event.id),
    time(event.at),
    oneLine(type),
    worker,
    beginningOf(oneLine(summary(event)), 200),
  ];
}

function summary(event: RuntimeEvent): string {
  switch (event.type) {
    case "runtime.opened":
      return `epoch ${event.epoch}`;
    case "worker.created":
      return [event.displayName ?? event.record.intent.kind, ...originOf(event), ...changesOf(event)].join(
        "; ",
      );
    case "worker.committed":
      return [...changesOf(event), ...nameOf(event)].join("; ");
    case "runtime.retired":
      return event.reason ?? "";
    case "custom":
      return `${event.name} ${JSON.stringify(event.data)}`;
    case "unknown":
      return "of a newer version";
    default:
      return "";
  }
}

function originOf({ fork }: WorkerCreated): string[] {
  return fork === undefined ? [] : [`forked from ${fork.workerId} at #${whole(fork.seq)}`];
}

/** The changes of a worker that an event records, the most telling first. */
function changesOf(event: WorkerChanges): string[] {
  const {
    runId = "",
    run,
    status,
    reason,
    entries = [],
    usage = [],
    events = [],
    data,
    labels,
    meta,
    context,
  } = event;
  const parts: string[] = [];
  if (run !== undefined) parts.push(withReason(`run ${run.ended ?? "began"} ${runId}`, run.reason));
  if (status !== undefined) parts.push(withReason(status === "running" ? "restarted" : status, reason));
  if (context?.compacted !== undefined) parts.push(`compacted through #${whole(context.compacted)}`);
  if (context?.rewound !== undefined) parts.push(`rewound to #${whole(context.rewound)}`);
  const [entry] = entries;
  if (entry !== undefined) {
    const more = entries.length > 1 ? ` (${whole(entries.length)} entries)` : "";
    parts.push(`${entry.role}: ${beginningOf(excerptOf(entry), 160)}${more}`);
  }
  for (const { model, inputTokens, outputTokens, costMicroUsd } of usage) {
    parts.push(`${model}: ${amount(inputTokens)} in, ${amount(outputTokens)} out, ${dollars(costMicroUsd)}`);
  }
  for (const { name, data } of events) parts.push(`${name} ${JSON.stringify(data)}`);
  if (data !== undefined) parts.push(`data ${JSON.stringify(data)}`);
  if (labels !== undefined) {
    const changed = Object.entries(labels)
      .map(([name, value]) => value === null ? `${name} removed` : `${name}=${value}`);
    parts.push(`labels ${changed.join(", ")}`);
  }
  const { draft } = event;
  if (draft !== undefined) parts.push(draft === null ? "draft dropped" : `draft: ${beginningOf(draft, 160)}`);
  if (meta !== undefined) parts.push(`meta ${JSON.stringify(meta)}`);
  return parts;
}

function nameOf({ displayName }: WorkerChanges): string[] {
  if (displayName === undefined) return [];
  return [displayName === null ? "name removed" : `name ${displayName}`];
}

function withReason(text: string, reason: string | undefined): string {
  return reason === undefined ? text : `${text}: ${reason}`;
}
