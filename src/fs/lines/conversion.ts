/**
 * Recognizes files that a text tool has rewritten. Every checksum is wrong
 * then, and the cause is more useful than the offset of the first difference.
 *
 * @module
 */
import { readBytes } from "../disk/files.ts";
import type { OpenFile } from "../disk/file_system.ts";
import { NEWLINE } from "./codec.ts";

const BYTE_ORDER_MARK: readonly number[] = [0xef, 0xbb, 0xbf];
const CARRIAGE_RETURN = 0x0d;
/** Longer than the first line of any segment or transcript. */
const PREFIX_BYTES = 4_096;

/** Describes the conversion that the beginning of a file reveals; `undefined` if there is none. */
export function conversionOf(bytes: Uint8Array): string | undefined {
  if (BYTE_ORDER_MARK.every((byte, index) => bytes[index] === byte)) {
    return "it begins with a byte order mark, so an editor or a conversion has rewritten it";
  }
  const end = bytes.indexOf(NEWLINE);
  return end > 0 && bytes[end - 1] === CARRIAGE_RETURN
    ? "its lines end in CRLF, so an editor or a transfer in text mode has rewritten it"
    : undefined;
}

/** {@linkcode conversionOf} an open file as the suffix of a message; empty if there is none. */
export function conversionHint(file: OpenFile): string {
  const { size } = file.stat();
  const conversion = conversionOf(readBytes(file, 0, Math.min(size, PREFIX_BYTES)));
  return conversion === undefined ? "" : ` (${conversion})`;
}
