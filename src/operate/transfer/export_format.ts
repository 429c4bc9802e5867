/**
 * The export stream: JSON lines.
 *
 * ```text
 * {"format":"worker-runtime/export","version":1,"runtimeId":...,"createdAt":...,"firstEventId":F,"lastEventId":N,...}
 * {"snapshot":{"through":S,"runtime":...}}          only when the log was pruned:
 * {"snapshotWorker":{"createdEventId":C,"part":...}}   the state that the rest builds on, a line for each worker,
 * {"transcriptEvent":{...}}                          and the transcript events that the log no longer holds
 * {"id":F,...}                                       the events, one per line, byte for byte as in the log
 * {"blob":{"workerId":...,"sha256":...,"bytes":B,"offset":O,"data":"<base64>"}}
 *                                                    a piece of a blob: before the first event or transcript
 *                                                    event of the worker that refers to it, in the order of
 *                                                    references; 48 KiB each, the last one the rest
 * {"end":{"lines":L,"crc":"hhhhhhhh"}}               lines before this one, and the CRC-32 of their bytes
 * ```
 *
 * Blobs are those of the workers that exist at the end. The stream depends on the
 * log, the blobs and the operator's config alone, so that an export of what was
 * imported is the same stream, byte for byte.
 *
 * @module
 */
import { crc32 } from "node:zlib";
import { RuntimeError } from "../../core/errors.ts";
import { conversionOf } from "../../fs/lines/conversion.ts";

/** Name of the format. */
export const EXPORT_FORMAT = "worker-runtime/export";
/** Version of the format. */
export const EXPORT_VERSION = 1;
/** The longest line: a worker of a snapshot, with all its keys. */
export const EXPORT_LINE_BYTES_MAX = 67_108_864;

/** The first line. */
export interface ExportHeader {
  /** {@linkcode EXPORT_FORMAT} */
  readonly format: string;
  /** {@linkcode EXPORT_VERSION} */
  readonly version: number;
  /** The runtime. */
  readonly runtimeId: string;
  /** The only worker in it; absent if it contains all. */
  readonly workerId?: string;
  /** Time of the store's creation, ISO 8601. */
  readonly createdAt: string;
  /** The first event that follows. */
  readonly firstEventId: number;
  /** The last event that follows. */
  readonly lastEventId: number;
  /** The operator's `config.jsonc`, as text. */
  readonly config?: string;
}

const encoder = new TextEncoder();

/** The last line of a stream. */
function lastLine(lines: number, crc: number): string {
  return `{"end":{"lines":${lines},"crc":"${crc.toString(16).padStart(8, "0")}"}}`;
}

/** Encodes lines in pieces of about 64 KiB, and ends them with their sum. */
export async function* encodeStream(lines: AsyncIterable<string>): AsyncGenerator<Uint8Array, void, void> {
  let text = "";
  let count = 0;
  let crc = 0;
  for await (const line of lines) {
    text += `${line}\n`;
    count++;
    if (text.length < 65_536) continue;
    const bytes = encoder.encode(text);
    crc = crc32(bytes, crc);
    yield bytes;
    text = "";
  }
  const bytes = encoder.encode(text);
  yield bytes;
  yield encoder.encode(`${lastLine(count, crc32(bytes, crc))}\n`);
}

/** Creates the error of a line that cannot be imported. */
export function badStream(line: number, reason: string): RuntimeError<"store_corrupt"> {
  const message = `Cannot import line ${line}: ${reason}`;
  return new RuntimeError("store_corrupt", message, { file: "", reason: `line ${line}: ${reason}` });
}

/** Decodes the lines of a stream and checks them against the last one, which is not yielded. */
export async function* decodeStream(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<{ readonly text: string; readonly line: number; readonly bytes: number }, void, void> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let crc = 0;
  const rest = new GrowingBytes();
  let line = 0;
  let ended = false;
  for await (const chunk of chunks) {
    let start = 0;
    for (let newline = chunk.indexOf(10); newline !== -1; newline = chunk.indexOf(10, start)) {
      line++;
      const whole = rest.takeWith(chunk.subarray(start, newline + 1));
      const conversion = conversionOf(whole);
      if (conversion !== undefined) throw badStream(line, conversion);
      const text = decoded(decoder, whole.subarray(0, -1), line);
      start = newline + 1;
      if (ended) throw badStream(line, "something follows the last line");
      ended = text.startsWith('{"end":');
      if (ended && text !== lastLine(line - 1, crc)) {
        throw badStream(line, "the stream was changed: its checksum does not match");
      }
      if (ended) continue;
      crc = crc32(whole, crc);
      yield { text, line, bytes: whole.length };
    }
    rest.add(chunk.subarray(start));
    if (rest.length > EXPORT_LINE_BYTES_MAX) throw badStream(line + 1, "the line is too long");
  }
  if (!ended || rest.length > 0) throw badStream(line + 1, "the stream ends early");
}

/** The beginning of a line that arrives in pieces. The buffer doubles as it grows, so each byte is copied a few times at most. */
class GrowingBytes {
  #memory = new Uint8Array(0);
  /** Number of bytes. */
  length = 0;

  /** Adds a piece. */
  add(piece: Uint8Array): void {
    if (this.length + piece.length > this.#memory.length) {
      const memory = new Uint8Array(Math.max(this.#memory.length * 2, this.length + piece.length));
      memory.set(this.#memory.subarray(0, this.length));
      this.#memory = memory;
    }
    this.#memory.set(piece, this.length);
    this.length += piece.length;
  }

  /** Appends the last piece and returns all bytes, which are valid until the next piece is added. */
  takeWith(piece: Uint8Array): Uint8Array {
    if (this.length === 0) return piece;
    this.add(piece);
    const whole = this.#memory.subarray(0, this.length);
    this.length = 0;
    return whole;
  }
}

function decoded(decoder: TextDecoder, bytes: Uint8Array, line: number): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw badStream(line, "it is not valid UTF-8");
  }
}
