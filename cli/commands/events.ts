/**
 * `events`: pages of the log, and new events as they are added.
 *
 * @module
 */
import type { EventPage, EventsOptions, RuntimeEvent, RuntimeReader } from "../../mod.ts";
import { type Io, print } from "../io.ts";
import type { Options } from "../options.ts";
import { oneLine, tone } from "../style.ts";
import { table } from "../table.ts";
import { amount, counted, dollars, time } from "../units.ts";
import type { Opened } from "./view.ts";

/** Runs `events`. */
export async function eventsCommand(io: Io, options: Options, { view }: Opened): Promise<void> {
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
    const line = `${id.padStart(8)}  ${at}  ${type.padEnd(26)}  ${worker}${what === "" ? "" : `  ${what}`}`;
    io.out(`${options.json ? JSON.stringify(event) : line.slice(0, Math.max(40, io.columns))}\n`);
  };
  for (const event of first) print(event);
  const after = next ?? Math.max(view.lastEventId, options.after ?? 0);
  for await (const event of view.watch({ after, worker: options.worker, signal: io.signal })) print(event);
}

function rowOf(event: RuntimeEvent): string[] {
  const worker = "workerId" in event && event.workerId !== undefined ? oneLine(event.workerId) : "";
  return [
    String(event.id),
    time(event.at),
    oneLine(event.type),
    worker,
    oneLine(summary(event)).slice(0, 200),
  ];
}

function summary(event: RuntimeEvent): string {
  switch (event.type) {
    case "runtime.opened":
      return `epoch ${event.epoch}`;
    case "worker.created":
      return event.record.displayName ?? event.record.intent.kind;
    case "worker.input_accepted":
    case "worker.transcript_appended":
      return `${event.entries[0]?.role}: ${event.entries[0]?.content.slice(0, 200)}${
        event.count > 1 ? ` (${counted(event.count, "entry").replace("entrys", "entries")})` : ""
      }`;
    case "worker.state_updated":
      return JSON.stringify(event.patch);
    case "worker.run_started":
      return event.runId;
    case "worker.run_finished":
    case "worker.run_interrupted":
      return `${event.outcome} ${event.runId}${event.reason === undefined ? "" : `: ${event.reason}`}`;
    case "worker.usage_recorded":
      return `${event.usage.model}: ${amount(event.usage.inputTokens)} in, ${
        amount(event.usage.outputTokens)
      } out, ${dollars(event.usage.costMicroUsd)}`;
    case "worker.stopped":
    case "worker.cancelled":
    case "runtime.stopped":
      return event.reason ?? "";
    case "custom":
      return `${event.name} ${JSON.stringify(event.data)}`;
    default:
      return "";
  }
}
