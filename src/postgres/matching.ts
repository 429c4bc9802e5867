/**
 * Events that add to transcripts and may hold a text, chosen by the database.
 *
 * @module
 */
import { limits } from "../core/limits.ts";
import type { Parameter } from "./client.ts";
import type { Kept } from "./kept.ts";

/** Events to choose from. */
export interface MatchingRange {
  /** Only those of the worker that this event created: then the range is of sequences, else of ids. */
  readonly life?: number | undefined;
  /** The range begins after this one. */
  readonly after: number;
  /** The last one. */
  readonly through: number;
  /**
   * The text: for each code point the ways in which JSON writes it.
   * @default every event is chosen
   */
  readonly written?: readonly (readonly string[])[] | undefined;
}

/** A page of chosen events. */
export interface MatchingEvents {
  /** The events in order, each with the event that created its worker. */
  readonly events: readonly { readonly life: number; readonly json: string }[];
  /** The range was examined up to here. */
  readonly scanned: number;
}

/** Events that one statement examines, and their bytes, so that it ends in time. */
const [EXAMINED_MAX, EXAMINED_BYTES_MAX] = [2_000, 67_108_864];

/** Content in a blob: the event does not have it. */
const IN_BLOB = `strpos(json, '"contentBlob":') > 0`;
/** An escape that JSON.stringify does not write. */
const ODD_ESCAPE = String
  .raw`strpos(json, '\/') > 0 OR (strpos(json, '\u') > 0 AND json ~ '\\u(?!00(?:0[0-7bef]|1)|d[c-f]|202[89]|d[89ab]..(?!\\ud[c-f]))')`;

/** A page of the events of a range that add to transcripts and may hold a text, bounded by their bytes. */
export async function matchingEvents(kept: Kept, range: MatchingRange): Promise<MatchingEvents> {
  const { life, after, through, written } = range;
  const place = life === undefined ? "id" : "last_seq";
  const own = life === undefined ? [] : [life];
  const condition = conditionOf(written, 4 + own.length);
  const text = `WITH page AS (
      SELECT * FROM (
        SELECT id, life, last_seq, json, row_number() OVER (ORDER BY id) AS position,
          sum(octet_length(json)) OVER (ORDER BY id) AS total
        FROM (
          SELECT id, life, last_seq, json FROM worker_runtime.events
          WHERE rt = $1 AND first_seq IS NOT NULL AND ${place} > $2 AND ${place} <= $3
            ${life === undefined ? "" : "AND life = $4"}
          ORDER BY ${place} LIMIT ${EXAMINED_MAX}
        ) AS next
      ) AS measured WHERE position = 1 OR total <= ${EXAMINED_BYTES_MAX}
    ), found AS (
      SELECT id, ${place} AS place, life, json, row_number() OVER (ORDER BY id) AS position,
        sum(octet_length(json)) OVER (ORDER BY id) AS total
      FROM page WHERE ${condition.text}
    ), sent AS (SELECT * FROM found WHERE position = 1 OR total <= ${limits.pageBytesMax})
    SELECT sent.life, sent.json, CASE WHEN (SELECT count(*) FROM sent) < (SELECT count(*) FROM found)
      THEN (SELECT max(place) FROM sent) ELSE (SELECT max(${place}) FROM page) END AS scanned
    FROM (SELECT 1) AS one LEFT JOIN sent ON true ORDER BY sent.id`;
  const rows = await kept.rows("search", text, after, through, ...own, ...condition.params);
  const events = rows.filter(({ json }) => json !== null)
    .map(({ life, json }) => ({ life: Number(life), json: String(json) }));
  return { events, scanned: Number(rows[0]?.scanned ?? through) };
}

/** A condition whose first parameter has this number. */
function conditionOf(
  written: MatchingRange["written"],
  number: number,
): { readonly text: string; readonly params: readonly Parameter[] } {
  if (written === undefined) return { text: "true", params: [] };
  const isPlain = written.every(({ length }) => length === 1);
  const found = isPlain ? `strpos(json, $${number}) > 0` : `json ~ $${number}`;
  const param = isPlain ? written.join("") : written.map(alternatives).join("");
  return { text: `${found} OR ${IN_BLOB} OR ${ODD_ESCAPE}`, params: [param] };
}

/** A regular expression of PostgreSQL for one of several texts. */
function alternatives(texts: readonly string[]): string {
  return `(?:${texts.map((text) => text.replace(/[!-/:-@[-`{-~]/g, "\\$&")).join("|")})`;
}
