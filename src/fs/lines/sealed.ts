/**
 * Sealed files: one JSON object that names its format, version and runtime,
 * and ends in its own checksum. All state outside the log has this form.
 *
 * @module
 */
import { crc32 } from "node:zlib";
import { RuntimeError } from "../../core/errors.ts";
import { isDeeperThan, isJsonObject, type JsonObject, plainLines } from "../../core/json.ts";
import { limits } from "../../core/limits.ts";
import type { Shape } from "../../core/shape.ts";
import { Slices } from "../../core/turn.ts";
import { conversionOf } from "./conversion.ts";
import { corrupt } from "../disk/faults.ts";
import { readSmallFile } from "../disk/files.ts";
import { FEATURES, FORMAT_VERSION, nameOf, type Place } from "../layout.ts";
import { isIntact, NEWLINE, sealedBytes, sealedText } from "./codec.ts";

const CHUNK_UNITS = 262_144;
/** Nesting levels of a file around the value that it contains. */
const LEVELS_AROUND = 8;

/** The largest file that is read as a whole, except projections. */
const SMALL_BYTES_MAX = 65_536;

const encoder = new TextEncoder();

/** Identity of a sealed file, written into the file. */
export interface Seal {
  /** The kind of file, such as `worker-runtime/checkpoint`. */
  readonly format: string;
  /** The runtime it belongs to. */
  readonly runtimeId: string;
}

/** The bytes of a sealed file. */
export function seal(seal: Seal, body: object): Uint8Array {
  return sealedBytes(`${sealHead(seal, body)}}`);
}

/** The text of a sealed file without its checksum: a JSON object without its closing brace. */
export function sealHead({ format, runtimeId }: Seal, body: object): string {
  const json = JSON.stringify({ format, version: FORMAT_VERSION, runtimeId, ...body });
  return plainLines(json).slice(0, -1);
}

/**
 * The bytes of a sealed file that may be large. Pauses between slices, so that
 * the event loop is not blocked. `texts` are the pieces of a JSON object
 * without its closing brace.
 */
export async function* sealInSlices(
  texts: Iterable<string> | AsyncIterable<string>,
): AsyncGenerator<Uint8Array> {
  const slices = new Slices();
  let crc = 0;
  let text = "";
  for await (const piece of texts) {
    text += piece;
    await slices.pause();
    if (text.length < CHUNK_UNITS) continue;
    const bytes = encoder.encode(text);
    crc = crc32(bytes, crc);
    yield bytes;
    text = "";
  }
  const last = encoder.encode(text);
  yield last;
  yield encoder.encode(`,"crc":"${crc32(last, crc).toString(16).padStart(8, "0")}"}\n`);
}

/**
 * The content of a sealed file. Throws `store_corrupt` if it is damaged or of
 * another format or runtime, `store_version` if a newer version wrote it or it
 * requires an unknown feature.
 */
export function unseal(bytes: Uint8Array, seal: Seal, file: string): JsonObject {
  const end = bytes.at(-1) === NEWLINE ? bytes.length - 1 : bytes.length;
  if (!isIntact(bytes, 0, end)) {
    throw corrupt(file, conversionOf(bytes) ?? "its checksum does not match", { byteOffset: 0 });
  }
  return checkSeal(parseObject(sealedText(bytes, 0, end), file), seal, file);
}

/**
 * The content of a small sealed file; `undefined` if there is none. Throws the errors of {@linkcode unseal}, and
 * `store_corrupt` if it does not have the shape.
 */
export function readSealed<T extends object>(
  { fs, layout, runtimeId }: Place,
  path: string,
  format: string,
  shape: Shape,
): T | undefined {
  const file = nameOf(layout, path);
  const bytes = readSmallFile(fs, path, SMALL_BYTES_MAX, file);
  if (bytes === undefined) return undefined;
  const content = unseal(bytes, { format, runtimeId }, file);
  if (shape(content, "stored") !== undefined) throw corrupt(file, "it lacks its members");
  return content as unknown as T;
}

/** Checks the members of a seal in a parsed object. */
export function checkSeal(content: JsonObject, seal: Seal, file: string): JsonObject {
  if (content.format !== seal.format) throw corrupt(file, `it is no ${seal.format} file`);
  const { version } = content;
  if (typeof version !== "number" || version < 1) throw corrupt(file, "it names no format version");
  const versions = { file, found: version, supported: FORMAT_VERSION };
  if (version > FORMAT_VERSION) {
    const message = `Cannot read ${
      JSON.stringify(file)
    }: format version ${version} is newer than ${FORMAT_VERSION}`;
    throw new RuntimeError("store_version", message, versions);
  }
  const unknown = unknownFeature(content.requires, file);
  if (unknown !== undefined) {
    const message = `Cannot read ${JSON.stringify(file)}: it requires the unknown feature ${
      JSON.stringify(unknown)
    }`;
    throw new RuntimeError("store_version", message, { ...versions, requires: unknown });
  }
  if (content.runtimeId !== seal.runtimeId) {
    throw corrupt(file, `it belongs to runtime ${JSON.stringify(content.runtimeId)}`);
  }
  return content;
}

function unknownFeature(requires: unknown = FEATURES, file: string): string | undefined {
  if (!Array.isArray(requires)) throw corrupt(file, "its requires is no list");
  return requires.map(String).find((feature) => !FEATURES.includes(feature));
}

/** Parses a JSON object of bounded depth. Throws `store_corrupt`. */
export function parseObject(text: string, file: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw corrupt(file, "it is no JSON", { cause });
  }
  if (!isJsonObject(value)) throw corrupt(file, "it is no JSON object");
  if (isDeeperThan(value, limits.jsonDepthMax + LEVELS_AROUND)) throw corrupt(file, "it is nested too deep");
  return value;
}
