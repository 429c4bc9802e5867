/**
 * Exports from a directory.
 *
 * @module
 */
import type { FileSpot } from "../../core/errors.ts";
import { parseEvent } from "../../core/events.ts";
import type { RuntimeId, WorkerId } from "../../core/ids.ts";
import type { Ledger } from "../../core/ledger.ts";
import type { WorkerState } from "../../core/state.ts";
import type { BlobFacts, BlobOwner } from "../../core/store.ts";
import { openIfThere, readSmallFile } from "../../fs/disk/files.ts";
import { corrupt, guarded, ifCorrupt, located } from "../../fs/disk/faults.ts";
import { nameOf, workerLayout } from "../../fs/layout.ts";
import { eventText, idOf } from "../../fs/lines/codec.ts";
import { isWhole, scanLines } from "../../fs/lines/scanner.ts";
import { logLines } from "../../fs/log/scan.ts";
import { segmentSpot } from "../../fs/log/segments.ts";
import type { FoundPlace } from "../../fs/place/find.ts";
import { readIdentity } from "../../fs/place/identity.ts";
import { foldLog } from "../../fs/reading/follower.ts";
import { hasTranscriptHeader, transcriptHeaderBytes, transcriptOwner } from "../../fs/transcripts/file.ts";
import type { Meter } from "../options.ts";
import { blobBytes } from "../read/blob_bytes.ts";
import { purgedSince } from "../read/purged_since.ts";
import { logBytes } from "../sizes.ts";
import type { ExportSource, OldTranscriptEvent } from "./export_source.ts";

/** The runtime in a directory. */
export class ExportDirectory implements ExportSource {
  readonly runtimeId: RuntimeId;
  readonly ledger: Ledger;
  readonly firstEventId: number;
  readonly createdAt: string;
  readonly config: string | undefined;
  readonly size: ExportSource["size"];
  readonly #place: FoundPlace;
  readonly #segments: readonly number[];

  private constructor(place: FoundPlace, ledger: Ledger, segments: readonly number[]) {
    const { fs, layout, runtimeId } = place;
    this.runtimeId = runtimeId;
    this.ledger = ledger;
    this.firstEventId = segments[0] ?? 1;
    this.createdAt = ifCorrupt(() => readIdentity(place)?.createdAt ?? "", () => "");
    const config = readSmallFile(fs, layout.config, 65_536);
    this.config = config === undefined ? undefined : new TextDecoder().decode(config);
    this.size = { total: logBytes(place, segments), unit: "bytes" };
    this.#place = place;
    this.#segments = segments;
  }

  /** Reads the log. Throws `store_corrupt` if it is damaged. */
  static async open(place: FoundPlace): Promise<ExportDirectory> {
    const { follower: { damage, segments }, ledger } = await foldLog(place);
    if (damage !== undefined) throw damage;
    return new ExportDirectory(place, ledger, segments);
  }

  async *events(after: number, meter?: Meter): AsyncGenerator<string, void, void> {
    const range = { segments: this.#segments, after, through: this.ledger.runtime.lastEventId };
    for await (const { bytes, start, end } of logLines(this.#place, range, meter)) {
      yield eventText(bytes, start, end);
    }
  }

  spotOf(eventId: number): FileSpot {
    return segmentSpot(this.#place.layout, this.#segments, eventId);
  }

  async *oldTranscript(state: WorkerState): AsyncGenerator<OldTranscriptEvent, boolean, void> {
    const { fs, layout, runtimeId } = this.#place;
    const owner = transcriptOwner(runtimeId, state);
    const path = workerLayout(layout, owner.workerId).transcript;
    const file = guarded("open", path, () => openIfThere(fs, path));
    if (file === undefined) return false;
    try {
      if (!hasTranscriptHeader(file, owner)) return false;
      for (const line of scanLines(file, transcriptHeaderBytes(owner), file.stat().size)) {
        if (idOf(line.bytes, line.start) >= this.firstEventId) return true;
        const spot = { file: nameOf(layout, path), byteOffset: line.offset };
        if (!isWhole(line)) {
          const reason = "it is damaged, and the log it could be read from was pruned";
          throw corrupt(spot.file, reason, { byteOffset: line.offset });
        }
        const text = eventText(line.bytes, line.start, line.end);
        yield { event: located(spot, () => parseEvent(text)), text };
      }
      return true;
    } finally {
      file.close();
    }
  }

  blobBytes(workerId: WorkerId, blob: BlobFacts): AsyncIterable<Uint8Array> {
    return blobBytes(this.#place, workerId, blob);
  }

  async purgedSince(owners: readonly BlobOwner[]): Promise<ReadonlySet<BlobOwner>> {
    return await purgedSince(this.#place, this.ledger.runtime.lastEventId, owners);
  }
}
