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

/** Parameters that follow the fence in {@linkcode APPEND}. */
export interface AppendParameters {
  /** Parameters from `$3` on. */
  readonly params: readonly Parameter[];
  /** Size of the events in UTF-16 code units. */
  readonly units: number;
}

/** The life to which blobs of a worker that is yet to be created belong: a negative number, which no event has. */
export function creationLife(creation: number): number {
  return -creation;
}

/**
 * Returns the parameters that append events after event `before`. `lifeOf` is the
 * creation of a worker that exists.
 */
export function appendParameters(
  events: readonly EventRecord[],
  before: number,
  lifeOf: (workerId: WorkerId) => number | undefined,
): AppendParameters {
  const changed = new Map<WorkerId, number | undefined>();
  const texts: string[] = [];
  const workers: string[] = [];
  const lives: (number | "NULL")[] = [];
  const firstSeqs: (number | "NULL")[] = [];
  const lastSeqs: (number | "NULL")[] = [];
  const purgedLives: number[] = [];
  const purgeIds: number[] = [];
  const adopted: number[] = [];
  const adopters: number[] = [];
  let units = 0;
  for (const { id, json, workerId, creates, adopts, purges, seq, count = 0 } of events) {
    let life: number | undefined;
    if (workerId !== undefined) {
      if (creates) changed.set(workerId, id);
      life = changed.has(workerId) ? changed.get(workerId) : lifeOf(workerId);
      if (purges) changed.set(workerId, undefined);
    }
    if (purges && life !== undefined) {
      purgedLives.push(life);
      purgeIds.push(id);
    }
    if (adopts !== undefined) {
      adopted.push(creationLife(adopts));
      adopters.push(id);
    }
    texts.push(json);
    workers.push(workerId === undefined ? "" : column(workerId));
    lives.push(life ?? "NULL");
    firstSeqs.push(seq ?? "NULL");
    lastSeqs.push(seq === undefined ? "NULL" : seq + count - 1);
    units += json.length;
  }
  const integers = [lives, firstSeqs, lastSeqs, purgedLives, purgeIds, adopted, adopters]
    .map((values) => `{${values}}`);
  const params = [before, before + events.length, texts.join("\n"), workers.join("\n"), ...integers];
  return { params, units };
}

/**
 * Appends events with the function of the schema: `$5` and `$6` have a line for each
 * event, the others are arrays of integers. Returns a row unless the fence or the last
 * event differs.
 */
export const APPEND =
  "SELECT 1 AS one WHERE worker_runtime.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";

/**
 * Creates the function of {@linkcode APPEND}. A session plans its statements once; without a
 * function, each batch is planned anew, which takes as long as to insert ten events. A plan
 * made while the table had few runtimes must not scan it when it has many.
 */
export const CREATE_APPEND: string = `CREATE OR REPLACE FUNCTION worker_runtime.append(
    in_no bigint, in_claim text, in_before bigint, in_through bigint, in_texts text, in_workers text,
    in_lives text, in_first_seqs text, in_last_seqs text, in_purged_lives text, in_purge_ids text,
    in_adopted text, in_adopters text
  ) RETURNS boolean LANGUAGE plpgsql SET enable_seqscan = off AS $append$
  DECLARE oldest bigint; gone bigint[] := in_purged_lives::bigint[];
  BEGIN
    UPDATE worker_runtime.runtimes SET last_id = in_through
      WHERE ${HOLDS} AND last_id = in_before RETURNING first_id INTO oldest;
    IF NOT FOUND THEN RETURN false; END IF;
    INSERT INTO worker_runtime.events (rt, id, worker, life, first_seq, last_seq, json)
      SELECT in_no, in_before + e.n, nullif(e.worker, ''), e.life, e.first_seq, e.last_seq, e.json
      FROM unnest(
        string_to_array(in_texts, E'\\n'), string_to_array(in_workers, E'\\n'),
        in_lives::bigint[], in_first_seqs::bigint[], in_last_seqs::bigint[]
      ) WITH ORDINALITY AS e(json, worker, life, first_seq, last_seq, n);
    IF in_adopted <> '{}' THEN
      UPDATE worker_runtime.blobs AS b SET life = a.adopter
        FROM unnest(in_adopted::bigint[], in_adopters::bigint[]) AS a(life, adopter)
        WHERE b.rt = in_no AND b.life = a.life;
    END IF;
    IF cardinality(gone) > 0 THEN
      INSERT INTO worker_runtime.purges (rt, life, id)
        SELECT in_no, p.life, p.id FROM unnest(gone, in_purge_ids::bigint[]) AS p(life, id) ON CONFLICT DO NOTHING;
      WITH blobs_gone AS (
        DELETE FROM worker_runtime.blobs WHERE rt = in_no AND life = ANY(gone) RETURNING upload
      ) DELETE FROM worker_runtime.blob_chunks AS c USING blobs_gone WHERE c.rt = in_no AND c.upload = blobs_gone.upload;
      DELETE FROM worker_runtime.events WHERE rt = in_no AND life = ANY(gone) AND id < oldest;
    END IF;
    RETURN true;
  END $append$`;
