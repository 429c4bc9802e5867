/**
 * Lines of an export stream that hold the bytes of blobs. Each holds a piece of
 * one blob, of the same size for all but the last, so that a blob has exactly one
 * encoding.
 *
 * @module
 */
import { blobFactsShape } from "../../core/blob_ref.ts";
import { idShape } from "../../core/ids.ts";
import { plainLines } from "../../core/json.ts";
import { integer, object, type Shape } from "../../core/shape.ts";
import type { BlobFacts } from "../../core/store.ts";
import { corrupt } from "../../fs/disk/faults.ts";

/** Start of a line with a piece of a blob. */
export const BLOB_LINE = '{"blob":';

/** Bytes of each piece but the last: 64 KiB as base64, which is freed sooner than longer strings. */
export const BLOB_PIECE_BYTES = 49_152;

/** A piece of a blob. */
export interface BlobPiece extends BlobFacts {
  /** The worker. */
  readonly workerId: string;
  /** Offset of the piece in the blob. */
  readonly offset: number;
  /** Its bytes as base64. */
  readonly data: string;
}

/** The lines of a blob. */
export async function* blobLines(
  workerId: string,
  { sha256, bytes }: BlobFacts,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<string, void, void> {
  const head = `${BLOB_LINE}{"workerId":${plainLines(JSON.stringify(workerId))},"sha256":"${sha256}"`;
  // Never empty: a file that is replaced may have more bytes than it should.
  const piece = new Uint8Array(Math.min(Math.max(1, bytes), BLOB_PIECE_BYTES));
  let filled = 0;
  let offset = 0;
  const line = (): string => {
    const data = piece.subarray(0, filled).toBase64();
    const text = `${head},"bytes":${bytes},"offset":${offset},"data":"${data}"}}`;
    offset += filled;
    filled = 0;
    return text;
  };
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length;) {
      const taken = chunk.subarray(at, at + piece.length - filled);
      piece.set(taken, filled);
      filled += taken.length;
      at += taken.length;
      if (filled === piece.length) yield line();
    }
  }
  if (filled > 0 || bytes === 0) yield line();
}

const data: Shape = (value) => typeof value === "string" ? undefined : ["a string is needed"];
const restShape = object({ workerId: idShape, offset: integer(0), data });
const lineShape = object({
  blob: (blob, source) => restShape(blob, source) ?? blobFactsShape(blob, source),
});

/** Reads a line with a piece of a blob. Throws `store_corrupt`, naming the invalid member. */
export function parseBlobLine(line: unknown): BlobPiece {
  const issues = lineShape(line, "stored");
  if (issues !== undefined) throw corrupt("", issues.join("; "));
  return (line as { readonly blob: BlobPiece }).blob;
}

/** Decodes the bytes of a piece. Throws `store_corrupt` unless they are those that follow, as an export writes them. */
export function bytesOf({ bytes, offset, data }: BlobPiece): Uint8Array {
  const length = Math.min(BLOB_PIECE_BYTES, bytes - offset);
  try {
    const decoded = Uint8Array.fromBase64(data, { lastChunkHandling: "strict" });
    if (decoded.length === length && data.length === 4 * Math.ceil(length / 3)) return decoded;
  } catch {
    // Reported below.
  }
  throw corrupt("", `blob.data: it is not base64 of ${length} bytes`);
}
