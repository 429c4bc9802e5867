/**
 * The page: one file, no script, nothing from outside.
 *
 * @module
 */
import type { FsRuntimeSource } from "../../fs_store.ts";
import type { RuntimeReader, WorkerState } from "../../mod.ts";
import { type History, readHistory } from "../../src/operate/read/history.ts";
import type { FoundPlace } from "../../src/operate/options.ts";
import { type StoreSizes, storeSizes } from "../../src/operate/sizes.ts";
import { isRuntimeError } from "../../src/core/errors.ts";
import { time, whole } from "../units.ts";
import { css } from "./css.ts";
import { html, Markup } from "./html.ts";
import { byDay, byModel, diagnostics, interrupted, tiles, workersOverTime, workerTable } from "./sections.ts";
import { transcriptSection } from "./transcripts.ts";

/** What bounds a report. */
export interface ReportBounds {
  /** Entries of each transcript, the newest. */
  readonly entries: number;
  /** Workers with their transcripts, the last active. */
  readonly workers: number;
  /** The time, in milliseconds since 1970. */
  readonly now: number;
  /** Ends it early. */
  readonly signal: AbortSignal;
}

/** All that the sections are made of. */
export interface ReportFacts {
  /** The runtime. */
  readonly view: RuntimeReader;
  /** Its source. */
  readonly source: FsRuntimeSource;
  /** Its workers, the last active first. */
  readonly workers: readonly WorkerState[];
  /** Its days. */
  readonly history: History;
  /** What it takes on disk. */
  readonly sizes: StoreSizes;
  /** Whether the last writer closed it. */
  readonly closed: boolean;
  /** Damage that kept the history from being read. */
  readonly problem: string | undefined;
  /** The bounds. */
  readonly bounds: ReportBounds;
}

/** The page, in pieces. */
export async function* reportHtml(
  place: FoundPlace,
  view: RuntimeReader,
  source: FsRuntimeSource,
  bounds: ReportBounds,
): AsyncGenerator<string, void, void> {
  const facts = await factsOf(place, view, source, bounds);
  yield head(facts).text;
  for (const part of [tiles(facts), byDay(facts), byModel(facts), workersOverTime(facts)]) yield part.text;
  for (const part of [interrupted(facts), diagnostics(facts), workerTable(facts)]) yield part.text;
  yield* transcriptSection(facts);
  yield `</main>${footer(facts).text}</body></html>\n`;
}

async function factsOf(
  place: FoundPlace,
  view: RuntimeReader,
  source: FsRuntimeSource,
  bounds: ReportBounds,
): Promise<ReportFacts> {
  const workers = [...view.allWorkers()].sort((a, b) => b.lastEventId - a.lastEventId);
  const sizes = storeSizes(place.fs, source.directory, workers.map(({ record }) => record.workerId));
  const { history, problem } = await historyOf(place, view, bounds.signal);
  const closed = problem === undefined && source.damage === undefined &&
    (await view.events({ limit: 1 })).items.at(-1)?.type === "runtime.closed";
  return { view, source, workers, history, sizes, closed, problem, bounds };
}

async function historyOf(
  place: FoundPlace,
  view: RuntimeReader,
  signal: AbortSignal,
): Promise<{ history: History; problem: string | undefined }> {
  try {
    return { history: await readHistory(place, view, { signal }), problem: undefined };
  } catch (error) {
    if (!isRuntimeError(error) || error.code !== "store_corrupt") throw error;
    return { history: { days: [], interrupted: [] }, problem: error.message };
  }
}

const POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

function head({ view, source, closed, problem, bounds }: ReportFacts): Markup {
  const { runtimeId, displayName, status } = view.overview();
  const title = displayName ?? runtimeId;
  const state = status === "stopped"
    ? "stopped for good"
    : closed
    ? "closed in good order"
    : "open, or not closed";
  const damage = source.damage?.message ?? problem;
  const note = damage === undefined ? html`` : html`
    <p class="note bad"
      role="alert"><strong class="bad">Damaged.</strong> ${damage}. What follows is what could be read; the command <code>verify</code> shows all damage.</p>
  `;
  return html`
    <!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <title>${title}: worker runtime</title>
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta http-equiv="Content-Security-Policy" content="${new Markup(POLICY)}">
        <meta name="referrer" content="no-referrer">
        <meta name="robots" content="noindex">
        <link rel="icon" href="data:,">
        <style>${new Markup(css)}</style>
      </head>
      <body>
        <header><h1>${title}</h1><p class="soft">Runtime <code>${runtimeId}</code>, ${state}, through event ${whole(
          view.lastEventId,
        )}. Read ${time(new Date(bounds.now).toISOString())} UTC.</p>${note}</header>
        <main>
  `;
}

function footer({ source }: ReportFacts): Markup {
  return html`
    <footer>
      <p>All times are UTC. Costs are what the host recorded. The page is one file and asks for nothing from outside. Store: <code>${source
        .directory}</code></p>
    </footer>
  `;
}
