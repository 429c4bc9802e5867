/**
 * The sections of the page above the transcripts.
 *
 * @module
 */
import type { HistoryDay } from "../../operate.ts";
import { intentOf } from "../describe.ts";
import { ago, amount, bytes, counted, dollars, time, whole } from "../units.ts";
import { dataTable, dayChart, nameBars, numbers } from "./charts.ts";
import { html, type Markup, nothing } from "./html.ts";
import type { ReportFacts } from "./facts.ts";

/** Days that a chart shows. */
const DAYS_MAX = 60;
/** Rows of the table of workers. */
const ROWS_MAX = 1_000;
/** Models that are shown one by one. */
const MODELS_MAX = 12;

/** The figures at a glance. */
export function tiles({ view, sizes, bounds }: ReportFacts): Markup {
  const { workers, usage, lastEventId, updatedAt } = view.overview();
  const tile = (name: string, value: string, more: string): Markup =>
    html`
      <div>
        <dt>${name}</dt>
        <dd>${value}<small>${more}</small></dd>
      </div>
    `;
  return html`<dl class="tiles">${[
    tile("Workers", whole(workers.total), `${whole(workers.running)} running, ${whole(workers.busy)} busy`),
    tile("Ended", whole(workers.stopped + workers.retired), `${whole(workers.retired)} retired`),
    tile("Events", amount(lastEventId), `last one ${ago(updatedAt, bounds.now)}`),
    tile("Cost", dollars(usage.costMicroUsd), counted(usage.requests, "request")),
    tile(
      "Tokens",
      amount(usage.inputTokens + usage.outputTokens),
      `${amount(usage.outputTokens)} of them out`,
    ),
    tile("Size", bytes(sizes.total), `log ${bytes(sizes.log)}`),
  ]}</dl>\n`;
}

/** Tolerates one day ahead of the reader's clock: the clock of the writer's machine may differ. */
const AHEAD_MS = 86_400_000;

/** The days with events, without those ahead of the reader's clock, which come from a wrong clock. */
function believedDays({ history, bounds }: ReportFacts): readonly HistoryDay[] {
  const last = dayAt(bounds.now + AHEAD_MS);
  const believed = history.days.filter(({ day }) => day <= last);
  return believed.length === 0 ? history.days : believed;
}

function dayAt(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

/** Every day from the first to the last, those without events too, as many as a chart shows. */
function allDays(facts: ReportFacts): HistoryDay[] {
  const believed = believedDays(facts);
  const [first, last] = [believed[0]?.day, believed.at(-1)?.day];
  if (first === undefined || last === undefined) return [];
  const known = new Map(believed.map((day) => [day.day, day]));
  const days: HistoryDay[] = [];
  for (let at = Date.parse(last); at >= Date.parse(first) && days.length < DAYS_MAX; at -= 86_400_000) {
    const day = dayAt(at);
    days.unshift(known.get(day) ?? emptyDay(day, last, known));
  }
  return days;
}

function emptyDay(day: string, last: string, known: ReadonlyMap<string, HistoryDay>): HistoryDay {
  const usage = known.get(last)?.usage;
  const none = Object.fromEntries(
    Object.keys(usage ?? {}).map((name) => [name, 0]),
  ) as unknown as HistoryDay["usage"];
  return {
    day,
    usage: none,
    usageByModel: {},
    created: 0,
    ended: 0,
    restarted: 0,
    entries: 0,
    interrupted: 0,
  };
}

/** Usage by day: cost where any was recorded, tokens otherwise. */
export function byDay(facts: ReportFacts): Markup {
  const days = allDays(facts);
  const { usage } = facts.view.overview();
  if (days.length === 0 || usage.requests === 0) return nothing;
  const hasCost = usage.costMicroUsd > 0;
  const chart = dayChart({
    title: hasCost ? "Cost by day" : "Tokens by day",
    unit: hasCost ? "Cost" : "Tokens",
    points: days.map(({ day, usage }) => ({
      label: day,
      value: hasCost ? usage.costMicroUsd : usage.inputTokens + usage.outputTokens,
    })),
    show: hasCost ? dollars : amount,
    as: "bars",
  });
  const pruned = facts.store.firstEventId > 1
    ? html`<p class="soft small">Older events were pruned; the totals count them, the days do not.</p>`
    : nothing;
  return html`<section><h2>${hasCost ? "Cost by day" : "Tokens by day"}</h2>${chart}${pruned}${
    bounded(facts, days)
  }${unbelieved(facts)}</section>\n`;
}

/** Names the days that no chart shows because they are in the future. */
function unbelieved(facts: ReportFacts): Markup {
  const { days } = facts.history;
  const shown = believedDays(facts).length;
  if (shown === days.length) return nothing;
  const cost = days.slice(shown).reduce((sum, { usage }) => sum + usage.costMicroUsd, 0);
  return html`
    <p
      class="soft small">Not shown: ${counted(days.length - shown, "day")} from ${days[shown]?.day ??
        ""} on, dated by a wrong clock. Their cost, ${dollars(cost)}, is included in the totals.</p>
  `;
}

function bounded({ history }: ReportFacts, days: readonly HistoryDay[]): Markup {
  const first = history.days[0]?.day ?? "";
  if (days.length < DAYS_MAX || first >= (days[0]?.day ?? "")) return nothing;
  return html`<p class="soft small">The last ${DAYS_MAX} days are shown; the first event is of ${first}.</p>`;
}

/** Usage by model. */
export function byModel({ view }: ReportFacts): Markup {
  const { usageByModel, usage: total } = view.overview();
  const models = Object.entries(usageByModel);
  if (models.length === 0) return nothing;
  const hasCost = total.costMicroUsd > 0;
  const value = (usage: typeof total): number =>
    hasCost ? usage.costMicroUsd : usage.inputTokens + usage.outputTokens;
  models.sort(([, a], [, b]) => value(b) - value(a));
  const bars = models.slice(0, MODELS_MAX).map(([name, usage]) => ({
    name,
    value: value(usage),
    text: hasCost ? dollars(usage.costMicroUsd) : amount(value(usage)),
  }));
  const number = (name: string): { name: string; isNumber: true } => ({ name, isNumber: true });
  const heads = [
    { name: "Model" },
    ...["Input", "Cached", "Output", "Reasoning", "Requests", "Cost"].map(number),
  ];
  const rows = models.map(([name, usage]) => [
    name,
    amount(usage.inputTokens),
    amount(usage.cachedTokens),
    amount(usage.outputTokens),
    amount(usage.reasoningTokens),
    whole(usage.requests),
    dollars(usage.costMicroUsd),
  ]);
  return html`<section><h2>Usage by model</h2>${nameBars("Usage by model", bars)}${
    numbers("Usage by model", heads, rows)
  }</section>\n`;
}

/** Workers that were there at the end of each day, counted back from now. */
export function workersOverTime(facts: ReportFacts): Markup {
  const days = allDays(facts);
  if (days.length === 0) return nothing;
  let running = facts.view.overview().workers.running;
  const points = days.toReversed().map(({ day, created, restarted, ended }) => {
    const point = { label: day, value: Math.max(0, running) };
    running -= created + restarted - ended;
    return point;
  }).toReversed();
  const chart = dayChart({
    title: "Running workers at the end of each day",
    unit: "Running",
    points,
    show: amount,
    as: "line",
  });
  return html`<section><h2>Workers over time</h2>${chart}</section>\n`;
}

/** Runs that a crash ended. */
export function interrupted({ history }: ReportFacts): Markup {
  if (history.interrupted.length === 0) return nothing;
  const rows = history.interrupted.map((
    { workerId, runId, at, eventId },
  ) => [workerId, runId, time(at), whole(eventId)]);
  const heads = [{ name: "Worker" }, { name: "Run" }, { name: "Found", isTime: true }, {
    name: "Event",
    isNumber: true,
  }];
  return html`<section><h2>Interrupted runs</h2><p class="soft">Runs that were open when their process ended.</p>${
    dataTable("The newest interrupted runs", heads, rows)
  }</section>\n`;
}

/** Diagnostics of the reading. */
export function diagnostics({ view, store }: ReportFacts): Markup {
  const { items } = view.diagnostics();
  const { pending } = store;
  const rows = items.map((
    { severity, code, message },
  ) => [html`<span class="${severity === "error" ? "bad" : "warn"}">${severity}</span>`, code, message]);
  const tail = pending.events + pending.bytes === 0 ? nothing : html`
    <p
      class="note">The end of the log holds ${counted(pending.events, "event")} and ${bytes(
        pending.bytes,
      )} of a write that is in progress, or was never finished.</p>
  `;
  if (rows.length === 0 && tail === nothing) return nothing;
  const heads = [{ name: "Severity" }, { name: "Code" }, { name: "What" }];
  return html`<section><h2>Diagnostics</h2>${tail}${
    rows.length === 0 ? nothing : dataTable("Noticed while reading", heads, rows)
  }</section>\n`;
}

/** All workers, the last active first. */
export function workerTable({ workers, shown }: ReportFacts): Markup {
  if (workers.length === 0) {
    return html`
      <section id="workers">
        <h2>Workers</h2>
        <p class="soft">There are none.</p>
      </section>
    `;
  }
  const tones: Record<string, string> = { running: "good", busy: "warn", stopped: "", retired: "soft" };
  const linked = new Set(shown);
  const rows = workers.slice(0, ROWS_MAX).map((state) => {
    const { record, displayName, status, run, transcriptLength, usage, updatedAt } = state;
    const condition = run === null ? status : "busy";
    const name = linked.has(state)
      ? html`<a href="#w${state.createdEventId}">${record.workerId}</a>`
      : html`${record.workerId}`;
    return [
      name,
      html`<span class="clamp">${(displayName ?? intentOf(record.intent)).slice(0, 200)}</span>`,
      html`<span class="${tones[condition] ?? ""}">${condition}</span>`,
      whole(transcriptLength),
      amount(usage.inputTokens + usage.outputTokens),
      dollars(usage.costMicroUsd),
      time(updatedAt),
    ];
  });
  const heads = [
    { name: "Worker" },
    { name: "What" },
    { name: "Status" },
    { name: "Entries", isNumber: true },
    { name: "Tokens", isNumber: true },
    { name: "Cost", isNumber: true },
    { name: "Active", isTime: true },
  ];
  const more = workers.length > ROWS_MAX
    ? html`<p class="soft small">The ${whole(ROWS_MAX)} last active of ${
      whole(workers.length)
    } workers are listed.</p>`
    : nothing;
  return html`<section id="workers"><h2>Workers</h2>${
    dataTable("The last active first", heads, rows)
  }${more}</section>\n`;
}
