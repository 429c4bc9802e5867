/**
 * The statement that appends a batch: one row of parameters, whatever the size of
 * the batch.
 *
 * @module
 */
import type { EventRecord } from "../core/event_types.ts";
import type { WorkerId } from "../core/ids.ts";
import { column, type Parameter } from "./client.ts";
import { HOLDS } from "./fence.ts";

/** A statement that follows the fence in `$1` and `$2`. */
export interface AppendStatement {
  /** SQL. */
  readonly text: string;
  /** Parameters from `$3` on. */
  readonly params: readonly Parameter[];
  /** Size of the events in UTF-16 code units. */
  readonly units: number;
}

/** Creates the statement that appends events after event `before`. `lifeOf` is the creation of a worker that exists. */
export function appendStatement(
  events: readonly EventRecord[],
  before: number,
  lifeOf: (workerId: WorkerId) => number | undefined,
): AppendStatement {
  const lives = new Map<WorkerId, number | undefined>();
  const purged: string[] = [];
  const columns: string[][] = [[], [], [], [], []];
  let units = 0;
  for (const { id, json, workerId, creates, purges, seq, count = 0 } of events) {
    if (workerId !== undefined && creates) lives.set(workerId, id);
    const life = workerId === undefined
      ? undefined
      : lives.has(workerId)
      ? lives.get(workerId)
      : lifeOf(workerId);
    const row = [
      json,
      workerId === undefined ? "" : column(workerId),
      `${life ?? ""}`,
      `${seq ?? ""}`,
      seq === undefined ? "" : `${seq + count - 1}`,
    ];
    for (const [index, value] of row.entries()) columns[index]?.push(value);
    units += json.length;
    if (workerId === undefined || !purges) continue;
    if (life !== undefined) purged.push(`${life},${id}`);
    lives.set(workerId, undefined);
  }
  const params = [before, before + events.length, ...columns.map((column) => column.join("\n"))];
  if (purged.length === 0) return { text: APPEND, params, units };
  return { text: APPEND_PURGING, params: [...params, purged.join("\n")], units };
}

const APPEND_HEAD = `WITH fence AS (
    UPDATE worker_runtime.runtimes SET last_id = $4 WHERE ${HOLDS} AND last_id = $3
    RETURNING no, first_id
  ), added AS (
    INSERT INTO worker_runtime.events (rt, id, worker, life, first_seq, last_seq, json)
    SELECT fence.no, $3::bigint + e.n, nullif(e.worker, ''), nullif(e.life, '')::bigint,
      nullif(e.first_seq, '')::bigint, nullif(e.last_seq, '')::bigint, e.json
    FROM fence, unnest(
      string_to_array($5, E'\\n'), string_to_array($6, E'\\n'), string_to_array($7, E'\\n'),
      string_to_array($8, E'\\n'), string_to_array($9, E'\\n')
    ) WITH ORDINALITY AS e(json, worker, life, first_seq, last_seq, n)
  )`;

/** Appends events: `$5` to `$9` are columns, a line for each event. */
const APPEND = `${APPEND_HEAD} SELECT no FROM fence`;

/** Appends events some of which purge workers: `$10` has the life and the event of each, in lines. */
const APPEND_PURGING = `${APPEND_HEAD}, purged AS (
    SELECT split_part(line, ',', 1)::bigint AS life, split_part(line, ',', 2)::bigint AS id
    FROM unnest(string_to_array($10, E'\\n')) AS line
  ), noted AS (
    INSERT INTO worker_runtime.purges (rt, life, id) SELECT fence.no, purged.life, purged.id FROM fence, purged
    ON CONFLICT DO NOTHING
  ), blobs_gone AS (
    DELETE FROM worker_runtime.blobs AS b USING fence, purged WHERE b.rt = fence.no AND b.life = purged.life
    RETURNING b.rt, b.upload
  ), chunks_gone AS (
    DELETE FROM worker_runtime.blob_chunks AS c USING blobs_gone
    WHERE c.rt = blobs_gone.rt AND c.upload = blobs_gone.upload
  ), events_gone AS (
    DELETE FROM worker_runtime.events AS e USING fence, purged
    WHERE e.rt = fence.no AND e.life = purged.life AND e.id < fence.first_id
  ) SELECT no FROM fence`;
