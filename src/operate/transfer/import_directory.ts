/**
 * Imports into a directory.
 *
 * @module
 */
import type { RuntimeId } from "../../core/ids.ts";
import { corrupt } from "../../fs/disk/faults.ts";
import { writeNew } from "../../fs/disk/files.ts";
import { readConfig } from "../../fs/place/config.ts";
import type { FoundPlace } from "../../fs/place/find.ts";
import { updateConfigSnapshot } from "../../fs/place/identity.ts";
import { diskOf, type OperationOptions } from "../options.ts";
import { verifyPlace } from "../verify/verify.ts";
import type { ExportHeader } from "./export_format.ts";
import { inImportPlace } from "./import_place.ts";
import { createdAtOf, type ImportTarget, type ImportWriter } from "./import_target.ts";
import { ImportedFiles } from "./imported_files.ts";

/** The runtimes below a root directory. */
export class ImportDirectory implements ImportTarget {
  readonly #root: string;
  readonly #options: OperationOptions;

  /** Imports below an absolute path. */
  constructor(root: string, options: OperationOptions) {
    this.#root = root;
    this.#options = options;
  }

  /** Writes a store under a temporary name, verifies it, and renames it last. */
  async write<T>(
    runtimeId: RuntimeId,
    header: ExportHeader,
    work: (writer: ImportWriter) => Promise<T>,
  ): Promise<T> {
    const fs = diskOf(this.#options);
    return await inImportPlace(fs, this.#root, runtimeId, async (layout) => {
      const place = { fs, layout, runtimeId };
      // The operator's config applies to the import itself.
      if (header.config !== undefined) {
        await writeNew(fs, layout.config, [new TextEncoder().encode(header.config)], { durable: true });
      }
      const config = readConfig(fs, layout.config);
      const files = new ImportedFiles(place, config, header.firstEventId);
      try {
        const result = await work(files);
        const identity = { createdAt: createdAtOf(header), config: {} };
        await updateConfigSnapshot(place, identity, config, true);
        await assertClean(place, header, this.#options);
        return result;
      } finally {
        files.close();
      }
    });
  }
}

/** Verifies the whole store. Throws `store_corrupt` unless it is clean. */
async function assertClean(
  place: FoundPlace,
  header: ExportHeader,
  options: OperationOptions,
): Promise<void> {
  const { verdict, findings, lastEventId } = await verifyPlace(place, options, true);
  if (verdict === "clean" && lastEventId === header.lastEventId) return;
  const worst = findings.find(({ severity }) => severity === "damaged") ??
    findings.find(({ severity }) => severity === "healable");
  const { eventIds } = worst ?? {};
  const reason = `its contents contradict each other: ${
    worst?.message ?? `event ${lastEventId} is the last`
  }`;
  throw corrupt("the stream", reason, eventIds === undefined ? {} : { eventIds });
}
