/**
 * Commands on one worker: `show` and `transcript`.
 *
 * @module
 */
import type { RuntimeReader, TranscriptEntry, TranscriptPage, WorkerState } from "../../mod.ts";
import { intentOf } from "../describe.ts";
import { type Io, print } from "../io.ts";
import type { Options } from "../options.ts";
import { oneLine, type Tone, tone, visible } from "../style.ts";
import { pairs } from "../table.ts";
import { ago, time, whole } from "../units.ts";
import { modelTable } from "./usage.ts";
import type { Opened } from "./view.ts";

/** Runs `show`. */
export function showCommand(io: Io, options: Options, { view, source }: Opened, workerId: string): void {
  const state = view.worker(workerId);
  const title = `${tone(io, "strong", oneLine(workerId))}  ${tone(io, "faint", source.directory)}\n`;
  const data = Object.keys(state.data).length === 0
    ? ""
    : `\n${tone(io, "strong", "data")}\n${visible(JSON.stringify(state.data, null, 2))}\n`;
  const usage = state.usage.requests === 0 ? "" : `\n${modelTable(io, state.usageByModel)}`;
  const text = `${title}${pairs(io, facts(io, state))}${data}${usage}`;
  print(io, options.json, { runtimeId: view.runtimeId, ...state }, text);
}

function facts(io: Io, state: WorkerState): [string, string][] {
  const { record, status, reason, run, lastRun, transcriptLength, createdAt, updatedAt, lastEventId } = state;
  const { displayName, intent, profile, configBundle, capabilities, workspaces, mounts, labels } = record;
  const entries: [string, string][] = [];
  const add = (name: string, value: string | undefined): void => {
    if (value !== undefined && value !== "") entries.push([name, oneLine(value)]);
  };
  add("name", displayName);
  add(intent.kind, intentOf(intent));
  add("status", reason === undefined ? status : `${status}: ${reason}`);
  add(
    "run",
    run === null ? "idle" : `${run.runId}, since ${time(run.startedAt)} (${ago(run.startedAt, io.now())})`,
  );
  if (lastRun !== null) {
    add(
      "last run",
      `${lastRun.runId}, ${lastRun.outcome} ${time(lastRun.endedAt)}${
        lastRun.reason === undefined ? "" : `: ${lastRun.reason}`
      }`,
    );
  }
  add(
    "profile",
    profile.kind === "runtime_default" ? "the runtime's default" : `${profile.name} (${profile.kind})`,
  );
  add("config", configBundle && `${configBundle.id} ${configBundle.digest ?? ""}`);
  add("capabilities", capabilities.map(({ name }) => name).join(", "));
  add("workspaces", workspaces.map(({ name, reference }) => `${name} = ${reference}`).join(", "));
  add("mounts", mounts.map(({ name, reference }) => `${name} = ${reference}`).join(", "));
  add("labels", Object.entries(labels).map(([name, value]) => `${name}=${value}`).join(", "));
  add("transcript", `${whole(transcriptLength)} entries`);
  add("created", `${time(createdAt)} (event ${whole(state.createdEventId)})`);
  add("last event", `${time(updatedAt)}, ${ago(updatedAt, io.now())} (event ${whole(lastEventId)})`);
  return entries;
}

/** Runs `transcript`. */
export async function transcriptCommand(
  io: Io,
  options: Options,
  { view }: Opened,
  workerId: string,
): Promise<void> {
  if (options.all) return await printAll(io, options, view, workerId);
  const { limit, after, before, full, json } = options;
  const page = await view.transcript(workerId, { limit, after, before });
  const { previous, next } = page;
  const older = previous === null ? "" : `... older entries: --before ${previous}\n\n`;
  const newer = next === null ? "" : `... newer entries: --after ${next}\n`;
  const items = page.items.map((entry) => shown(io, entry, full)).join("");
  const empty = page.length === 0 ? "no entries\n" : "";
  print(io, json, page, `${tone(io, "faint", older)}${items}${tone(io, "faint", empty + newer)}`);
}

async function printAll(
  io: Io,
  { json, full }: Options,
  view: RuntimeReader,
  workerId: string,
): Promise<void> {
  for (let after: number | null = 0; after !== null;) {
    const page: TranscriptPage = await view.transcript(workerId, { after, limit: 500 });
    for (const entry of page.items) io.out(json ? `${JSON.stringify(entry)}\n` : shown(io, entry, full));
    after = page.next;
  }
}

const ROLE_TONES: Readonly<Record<string, Tone>> = {
  user: "good",
  system: "warn",
  assistant: "name",
  tool: "faint",
};

/** Characters shown of one entry; the output of a tool may be a megabyte. */
const CHARS_MAX = 4_000;

function shown(io: Io, entry: TranscriptEntry, full = false): string {
  const { seq, role, name, at, runId, content, metadata } = entry;
  const who = name === undefined ? role : `${role} ${oneLine(name)}`;
  const run = runId === undefined ? "" : `  run ${oneLine(runId)}`;
  const head = `${tone(io, ROLE_TONES[role] ?? "strong", who)}  ${
    tone(io, "faint", `#${whole(seq)}  ${time(at)}${run}`)
  }\n`;
  const isCut = !full && content.length > CHARS_MAX;
  const text = isCut ? content.slice(0, CHARS_MAX).toWellFormed() : content;
  const note = isCut
    ? tone(
      io,
      "faint",
      `  ... ${whole(CHARS_MAX)} of ${whole(content.length)} characters; --full shows all\n`,
    )
    : "";
  const lines = visible(text).replace(/\n+$/, "").split("\n").map((line) =>
    line === "" ? "\n" : `  ${line}\n`
  ).join("");
  const json = metadata === undefined ? "" : oneLine(JSON.stringify(metadata));
  const shownJson = full || json.length <= CHARS_MAX
    ? json
    : `${json.slice(0, CHARS_MAX).toWellFormed()} ...`;
  const extra = json === "" ? "" : tone(io, "faint", `  ${shownJson}\n`);
  return `${head}${lines}${note}${extra}\n`;
}
