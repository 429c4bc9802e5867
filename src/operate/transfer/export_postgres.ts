/**
 * Exports from a PostgreSQL database.
 *
 * @module
 */
import { RuntimeError } from "../../core/errors.ts";
import { addsEntries, parseEvent } from "../../core/events.ts";
import type { RuntimeId, WorkerId } from "../../core/ids.ts";
import type { Ledger } from "../../core/ledger.ts";
import type { WorkerState } from "../../core/state.ts";
import type { BlobFacts, BlobOwner } from "../../core/store.ts";
import { corrupt } from "../../fs/disk/faults.ts";
import { readFacts, type RuntimeFacts } from "../../postgres/facts.ts";
import { DEFAULT_SPACE, type PostgresLocation } from "../../postgres/location.ts";
import type { Meter } from "../options.ts";
import { purgedAmong } from "../read/purged_since.ts";
import { type FoldedRows, foldRows, rowTexts } from "../read/rows.ts";
import type { ExportSource, OldTranscriptEvent } from "./export_source.ts";

/** The runtime in a database. */
export class ExportRows implements ExportSource {
  readonly runtimeId: RuntimeId;
  readonly ledger: Ledger;
  readonly firstEventId: number;
  readonly createdAt: string;
  readonly config: string | undefined;
  readonly size: ExportSource["size"];
  readonly #location: PostgresLocation;
  readonly #rows: FoldedRows;

  private constructor(location: PostgresLocation, rows: FoldedRows, { createdAt, config }: RuntimeFacts) {
    const { source, ledger, firstEventId } = rows;
    this.runtimeId = source.runtimeId;
    this.ledger = ledger;
    this.firstEventId = firstEventId;
    this.createdAt = createdAt ?? ledger.runtime.createdAt;
    this.config = config;
    this.size = { total: ledger.runtime.lastEventId + 1 - firstEventId, unit: "events" };
    this.#location = location;
    this.#rows = rows;
  }

  /** Reads the state. Throws `store_missing`, also for a runtime that was never opened. */
  static async open(location: PostgresLocation): Promise<ExportRows> {
    const rows = await foldRows(location);
    const { ledger, source } = rows;
    if (ledger.runtime.lastEventId > 0) return new ExportRows(location, rows, await readFacts(location));
    const path = `${location.space ?? DEFAULT_SPACE}/${source.runtimeId}`;
    const message = `Cannot export ${JSON.stringify(path)}: the runtime was never opened`;
    throw new RuntimeError("store_missing", message, { path });
  }

  async *events(after: number, meter?: Meter): AsyncGenerator<string, void, void> {
    const from = Math.max(after + 1, this.firstEventId);
    yield* rowTexts(this.#rows, from, this.ledger.runtime.lastEventId, meter);
  }

  spotOf(): undefined {}

  async *oldTranscript(
    { record: { workerId }, transcriptLength: length, fork }: WorkerState,
  ): AsyncGenerator<OldTranscriptEvent, boolean, void> {
    for (let from = (fork?.seq ?? 0) + 1; from <= length;) {
      const texts = await this.#rows.source.readTranscript({ workerId, from, to: length, keep: "first" });
      if (texts.length === 0) return false;
      for (const text of texts) {
        const event = parseEvent(text);
        if (event.id >= this.firstEventId) return true;
        if (event.type === "unknown" || !addsEntries(event)) {
          throw corrupt("", `event ${event.id} adds nothing to a transcript`);
        }
        yield { event, text };
        from = event.seq + event.count;
      }
    }
    return true;
  }

  async *blobBytes(workerId: WorkerId, blob: BlobFacts): AsyncGenerator<Uint8Array, void, void> {
    yield* await this.#rows.source.readBlob(workerId, blob);
  }

  async purgedSince(owners: readonly BlobOwner[]): Promise<ReadonlySet<BlobOwner>> {
    const { ledger } = await foldRows(this.#location);
    return purgedAmong(ledger, this.ledger.runtime.lastEventId, owners);
  }
}
