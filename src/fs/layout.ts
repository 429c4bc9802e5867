/**
 * Paths below the root directory.
 *
 * @module
 */
import { fromFileUrl, isAbsolute, join, SEPARATOR } from "@std/path";
import type { Notice } from "../core/diagnostics.ts";
import { invalidRequest } from "../core/errors.ts";
import { guarded } from "./disk/faults.ts";
import type { FileSystem } from "./disk/file_system.ts";
import { decodeName, encodeName } from "./names.ts";

/** Version of the on-disk format. */
export const FORMAT_VERSION = 1;
/** Features, besides the version of the format, that this version has: files name those they require. */
export const FEATURES: readonly string[] = [];

/** Names in the directory of a runtime. */
const NAMES = {
  /** Identity, format version and config snapshot. */
  identity: "runtime.json",
  /** The operator's config, JSON with comments. */
  config: "config.jsonc",
  /** Locked while a writer has the runtime open. */
  lock: "lock",
  /** Process that holds the lock. */
  owner: "owner.json",
  /** The newest checkpoint. */
  checkpoint: "checkpoint.json",
  /** The previous checkpoint. */
  previousCheckpoint: "checkpoint.previous.json",
  /** The segments of the log. */
  events: "events",
  /** Counts, totals and a row for each worker. */
  overview: "overview.json",
  /** A directory for each worker. */
  workers: "workers",
  /** Copies of truncated or replaced bytes. */
  quarantine: "quarantine",
  /** Files moved aside by repairs; never deleted. */
  salvage: "salvage",
  /** The events that a repair is about to lose. */
  pendingSalvage: "salvage/pending.json",
  /** Directory of blobs that are being written. */
  incoming: "incoming",
} as const;

/** The paths of one runtime. File names in errors and diagnostics are relative to its `directory`. */
export type RuntimeLayout = Readonly<Record<"directory" | keyof typeof NAMES, string>>;

/** A directory of a runtime, which need not exist yet. */
export interface Files {
  /** The disk. */
  readonly fs: FileSystem;
  /** The paths of the runtime. */
  readonly layout: RuntimeLayout;
}

/** The files of a runtime. */
export interface Place extends Files {
  /** The runtime. */
  readonly runtimeId: string;
}

/** The files of a runtime, and the receiver of diagnostics about them. */
export interface WatchedPlace extends Place {
  /** Receives diagnostics. */
  notice(notice: Notice): void;
}

const URL_TEXT = /^(?:file:|[a-z][a-z0-9+.-]+:\/\/)/i;

/**
 * Resolves a path or a `file:` URL against the current directory. Throws
 * `invalid_request` for anything else.
 */
export function absolutePath(path: string | URL): string {
  if (path instanceof URL || URL_TEXT.test(path)) return pathOfUrl(path);
  if (typeof path !== "string" || path === "") throw invalidRequest("use root directory", "a path is needed");
  // The current directory is read only if needed, and requires no permission.
  return isAbsolute(path) ? join(path) : join(guarded("resolve", path, () => Deno.cwd()), path);
}

function pathOfUrl(url: string | URL): string {
  try {
    const { hostname, search, hash } = new URL(url);
    // In "file://data/x" the first name is a computer, which only Windows can reach, and "file:x" is "/x".
    const isForeign = hostname !== "" && Deno.build.os !== "windows";
    const isRelative = typeof url === "string" && !/^[a-z]+:[/]/i.test(url);
    // A query or fragment is not part of a path and would be lost.
    if (isForeign || isRelative || search !== "" || hash !== "") throw new TypeError();
    return fromFileUrl(url);
  } catch {
    throw invalidRequest("use root directory", `a path or a file URL is needed, not ${url}`);
  }
}

/** Returns the directory that holds the runtimes of a root. Throws `invalid_request` for a root that is not a path. */
export function runtimesDirectory(root: string | URL): string {
  return join(absolutePath(root), "runtimes");
}

/** The paths of a runtime below a root directory. */
export function runtimeLayout(root: string | URL, runtimeId: string): RuntimeLayout {
  return layoutIn(join(runtimesDirectory(root), encodeName(runtimeId)));
}

/** Returns the paths of a runtime in its own directory, which may be anywhere. */
export function layoutIn(place: string | URL): RuntimeLayout {
  const directory = absolutePath(place);
  const paths = Object.entries(NAMES).map(([part, name]) => [part, join(directory, name)]);
  return { directory, ...Object.fromEntries(paths) };
}

/** Suffix of the directory of an unfinished import. No encoded name has it, because dots are always escaped. */
const IMPORTING = ".importing";

/** The runtime whose unfinished import has a directory of this name, if any. */
export function importedRuntime(name: string): string | undefined {
  return name.endsWith(IMPORTING) ? decodeName(name.slice(0, -IMPORTING.length)) : undefined;
}

/** Directory of the unfinished import of a runtime. */
export function importDirectory({ directory }: RuntimeLayout): string {
  return `${directory}${IMPORTING}`;
}

/** The paths of one worker. */
export interface WorkerLayout {
  /** The worker's directory. */
  readonly directory: string;
  /** The worker's record, state and usage. */
  readonly worker: string;
  /** The worker's transcript. */
  readonly transcript: string;
  /** Directory of the worker's blobs. */
  readonly blobs: string;
}

/** The paths of a worker. */
export function workerLayout(layout: RuntimeLayout, workerId: string): WorkerLayout {
  // The directory is already normalized, so concatenation suffices.
  const directory = `${layout.workers}${SEPARATOR}${encodeName(workerId)}`;
  const file = (name: string): string => `${directory}${SEPARATOR}${name}`;
  return {
    directory,
    worker: file("worker.json"),
    transcript: file("transcript.jsonl"),
    blobs: file("blobs"),
  };
}

const SEGMENT_NAME = /^([0-9]{16})\.jsonl$/;

/** The path of the segment that begins with an event. */
export function segmentPath(layout: RuntimeLayout, firstEventId: number): string {
  return join(layout.events, `${String(firstEventId).padStart(16, "0")}.jsonl`);
}

/** Returns the first event of the segment of this name, or `undefined` if it is not the name of a segment. */
export function segmentFirstEventId(name: string): number | undefined {
  const digits = SEGMENT_NAME.exec(name)?.[1];
  const id = Number(digits);
  return digits !== undefined && Number.isSafeInteger(id) && id > 0 ? id : undefined;
}

/** Returns the name of a path in errors and diagnostics: relative to the runtime's directory, with slashes. */
export function nameOf(layout: RuntimeLayout, path: string): string {
  if (!path.startsWith(layout.directory)) return path;
  return path.slice(layout.directory.length + 1).replaceAll("\\", "/");
}
