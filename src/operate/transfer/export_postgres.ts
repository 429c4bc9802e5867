/**
 * Exports from a PostgreSQL database.
 *
 * @module
 */
import { RuntimeError } from "../../core/errors.ts";
import { addsEntries, parseEvent } from "../../core/events.ts";
import { Folding } from "../../core/folding.ts";
import type { RuntimeId, WorkerId } from "../../core/ids.ts";
import type { Ledger } from "../../core/ledger.ts";
import type { BlobFacts, BlobOwner } from "../../core/store.ts";
import { corrupt } from "../../fs/disk/faults.ts";
import { readFacts, type RuntimeFacts } from "../../postgres/facts.ts";
import type { PostgresLocation } from "../../postgres/location.ts";
import { PostgresRuntimeSource } from "../../postgres/source.ts";
import type { Meter } from "../options.ts";
import { purgedAmong } from "../read/purged_since.ts";
import { readTexts } from "../read/read_texts.ts";
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
  readonly #source: PostgresRuntimeSource;

  private constructor(
    location: PostgresLocation,
    source: PostgresRuntimeSource,
    ledger: Ledger,
    firstEventId: number,
    { createdAt, config }: RuntimeFacts,
  ) {
    this.runtimeId = source.runtimeId;
    this.ledger = ledger;
    this.firstEventId = firstEventId;
    this.createdAt = createdAt ?? ledger.runtime.createdAt;
    this.config = config;
    this.size = { total: ledger.runtime.lastEventId + 1 - firstEventId, unit: "events" };
    this.#location = location;
    this.#source = source;
  }

  /** Reads the state. Throws `store_missing`, also for a runtime that was never opened. */
  static async open(location: PostgresLocation): Promise<ExportRows> {
    const { source, ledger } = await fold(location);
    const { lastEventId } = ledger.runtime;
    if (lastEventId === 0) {
      const path = `${location.space ?? "default"}/${source.runtimeId}`;
      const message = `Cannot export ${JSON.stringify(path)}: the runtime was never opened`;
      throw new RuntimeError("store_missing", message, { path });
    }
    const { firstEventId } = await source.readEvents({ from: lastEventId, to: lastEventId, keep: "last" });
    return new ExportRows(location, source, ledger, firstEventId, await readFacts(location));
  }

  async *events(after: number, meter?: Meter): AsyncGenerator<string, void, void> {
    const from = Math.max(after + 1, this.firstEventId);
    yield* readTexts(this.#source, from, this.ledger.runtime.lastEventId, meter);
  }

  spotOf(): undefined {}

  async *oldTranscript({ workerId }: BlobOwner): AsyncGenerator<OldTranscriptEvent, boolean, void> {
    const length = this.ledger.worker(workerId)?.transcriptLength ?? 0;
    for (let from = 1; from <= length;) {
      const texts = await this.#source.readTranscript({ workerId, from, to: length, keep: "first" });
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
    yield* await this.#source.readBlob(workerId, blob);
  }

  async purgedSince(owners: readonly BlobOwner[]): Promise<ReadonlySet<BlobOwner>> {
    const { ledger } = await fold(this.#location);
    return purgedAmong(ledger, this.ledger.runtime.lastEventId, owners);
  }
}

/** The state of a runtime as it is now. */
async function fold(
  location: PostgresLocation,
): Promise<{ readonly source: PostgresRuntimeSource; readonly ledger: Ledger }> {
  const source = new PostgresRuntimeSource(location);
  const folding = new Folding(source.runtimeId);
  await source.load(folding);
  return { source, ledger: folding.view };
}
