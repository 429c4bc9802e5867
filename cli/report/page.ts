/**
 * The page: one file, no script, nothing from outside.
 *
 * @module
 */
import { conditionOf } from "../describe.ts";
import type { OpenedStore } from "../store.ts";
import { time, whole } from "../units.ts";
import { conversationSection } from "./conversations.ts";
import { css } from "./css.ts";
import { factsOf, type ReportBounds, type ReportFacts } from "./facts.ts";
import { html, Markup } from "./html.ts";
import { byDay, byModel, diagnostics, interrupted, tiles, workersOverTime, workerTable } from "./sections.ts";

/** The page, in pieces. */
export async function* reportHtml(
  store: OpenedStore,
  bounds: ReportBounds,
): AsyncGenerator<string, void, void> {
  const facts = await factsOf(store, bounds);
  yield head(facts).text;
  for (const part of [tiles(facts), byDay(facts), byModel(facts), workersOverTime(facts)]) yield part.text;
  for (const part of [interrupted(facts), diagnostics(facts), workerTable(facts)]) yield part.text;
  yield* conversationSection(facts);
  yield `</main>${footer(facts).text}</body></html>\n`;
}

const POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

function head({ view, store, shown, closed, problem, bounds }: ReportFacts): Markup {
  const { runtimeId, displayName, status } = view.overview();
  const title = displayName ?? runtimeId;
  const damage = store.damage?.message ?? problem;
  const note = damage === undefined ? html`` : html`
    <p class="note bad"
      role="alert"><strong class="bad">Damaged.</strong> ${damage}. What follows is what could be read; the command <code>verify</code> shows all damage.</p>
  `;
  const conversations = shown.length === 0
    ? html``
    : html`<a class="skip" href="#conversations">Skip to the conversations</a>`;
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
        <a class="skip" href="#workers">Skip to the workers</a>${conversations}
        <header><h1>${title}</h1><p class="soft">Runtime <code>${runtimeId}</code>, ${conditionOf(
          status,
          closed,
        )}, through event ${whole(
          view.lastEventId,
        )}. Read ${time(new Date(bounds.now).toISOString())} UTC.</p>${note}</header>
        <main>
  `;
}

function footer({ store }: ReportFacts): Markup {
  return html`
    <footer>
      <p>All times are UTC. Costs are what the host recorded. The page is one file and asks for nothing from outside. Store: <code>${store
        .name}</code></p>
    </footer>
  `;
}
