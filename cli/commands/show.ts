/**
 * `show`: the record, state and usage of a worker.
 *
 * @module
 */
import type { WorkerState } from "../../mod.ts";
import { contextText, intentOf, labelsText } from "../describe.ts";
import { draftLine, draftOf, type ShownDraft } from "../draft.ts";
import { type Io, print } from "../io.ts";
import type { Options } from "../options.ts";
import { oneLine, tone, visible } from "../style.ts";
import { pairs } from "../table.ts";
import { ago, time, whole } from "../units.ts";
import { modelTable } from "./usage.ts";
import type { OpenedStore } from "../store.ts";

/** Runs `show`. */
export async function showCommand(
  io: Io,
  options: Options,
  { view, name }: OpenedStore,
  workerId: string,
): Promise<void> {
  const state = view.worker(workerId);
  const title = `${tone(io, "strong", oneLine(workerId))}  ${tone(io, "faint", name)}\n`;
  const data = Object.keys(state.data).length === 0
    ? ""
    : `\n${tone(io, "strong", "data")}\n${visible(JSON.stringify(state.data, null, 2))}\n`;
  const usage = state.usage.requests === 0 ? "" : `\n${modelTable(io, state.usageByModel)}`;
  const draft = options.json ? undefined : await draftOf(view, workerId);
  const text = `${title}${pairs(io, facts(io, state, draft))}${data}${usage}`;
  print(io, options.json, { runtimeId: view.runtimeId, ...state }, text);
}

function facts(io: Io, state: WorkerState, draft: ShownDraft | undefined): [string, string][] {
  const { record, displayName, labels, status, reason, run, lastRun, transcriptLength } = state;
  const { createdAt, updatedAt, createdEventId, lastEventId, fork } = state;
  const { intent, profile, configBundle, capabilities, workspaces, mounts, parent } = record;
  const entries: [string, string][] = [];
  const add = (name: string, value: string | undefined): void => {
    if (value !== undefined && value !== "") entries.push([name, oneLine(value)]);
  };
  add("name", displayName);
  add(intent.kind, intentOf(intent));
  add("parent", parent);
  if (fork !== undefined) {
    const { workerId, createdEventId, seq } = fork;
    add("forked from", `${workerId} (event ${whole(createdEventId)}) at entry ${whole(seq)}`);
  }
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
  add("draft", draft && `${draft.title}: ${draftLine(draft)}`);
  add(
    "profile",
    profile.kind === "runtime_default" ? "the runtime's default" : `${profile.name} (${profile.kind})`,
  );
  add("config", configBundle && `${configBundle.id} ${configBundle.digest ?? ""}`);
  add("capabilities", capabilities.map(({ name }) => name).join(", "));
  add("workspaces", workspaces.map(({ name, reference }) => `${name} = ${reference}`).join(", "));
  add("mounts", mounts.map(({ name, reference }) => `${name} = ${reference}`).join(", "));
  add("labels", labelsText(labels));
  add("transcript", `${whole(transcriptLength)} entries`);
  add("context", contextText(state));
  add("created", `${time(createdAt)} (event ${whole(createdEventId)})`);
  add("last event", `${time(updatedAt)}, ${ago(updatedAt, io.now())} (event ${whole(lastEventId)})`);
  return entries;
}
