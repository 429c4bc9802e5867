/**
 * The files of transcripts, and what the first touch of one makes of it.
 *
 * @module
 */
import { assertDirectory, assertFile, closeQuietly } from "../disk/files.ts";
import { isNotFound } from "../disk/faults.ts";
import type { FileSystem, OpenFile } from "../disk/file_system.ts";
import type { Transcript } from "./transcript.ts";
import { nameOf, type RuntimeLayout, type WorkerLayout, workerLayout } from "../layout.ts";
import { DamagedLine } from "../lines/pages.ts";
import { OpenFiles } from "../disk/open_files.ts";
import { endOf } from "../log/segment_ends.ts";
import { NOTHING, wholeExtent } from "./extent.ts";
import { appendLines, checkTranscript, transcriptHeader } from "./file.ts";
import { makeWorkerDirectory } from "../workers/directory.ts";

/** A quarter of what the strictest of the usual limits lets a process have open: Deno raises its own to the hard one. */
const OPEN_MAX = 1_024;

/** The files of the transcripts of a runtime. */
export class TranscriptFiles {
  /** While the log is read, what lies behind in a file stays: it may be a witness of more events. */
  isReplaying = false;
  readonly #fs: FileSystem;
  readonly #layout: RuntimeLayout;
  readonly #files: OpenFiles;

  /** Files below the directory of a runtime. */
  constructor(fs: FileSystem, layout: RuntimeLayout) {
    this.#fs = fs;
    this.#layout = layout;
    this.#files = new OpenFiles(fs, "update", OPEN_MAX);
  }

  /** Where a transcript lies. */
  path(transcript: Transcript): string {
    return transcript.path ??= this.paths(transcript.owner.workerId).transcript;
  }

  /** Where the files of a worker lie. */
  paths(workerId: string): WorkerLayout {
    return workerLayout(this.#layout, workerId);
  }

  /** The open file of a transcript. */
  get(transcript: Transcript): OpenFile {
    return this.#files.get(this.path(transcript));
  }

  /** Closes the file of a transcript, if it is open. */
  close(transcript: Transcript): void {
    this.#files.close(this.path(transcript));
  }

  /** Closes files that are open for nothing but speed; `false` when there are none. */
  makeRoom(): boolean {
    return this.#files.makeRoom();
  }

  /** Closes all. */
  closeAll(): void {
    this.#files.closeAll();
  }

  /** At the first touch: makes the file what it should be, or throws. */
  check(transcript: Transcript): void {
    if (transcript.checked) return;
    const path = this.path(transcript);
    if (transcript.bytes === 0) this.#begin(transcript, path);
    else this.#cut(transcript, path, transcript.bytes ?? 0);
    transcript.checked = true;
  }

  /** Checks the file that the path names now, as at the first touch. */
  reopen(transcript: Transcript): void {
    this.close(transcript);
    transcript.checked = false;
    this.check(transcript);
  }

  /** A transcript that has nothing durable yet: whatever lies there is an unfinished beginning, or a purged worker's. */
  #begin(transcript: Transcript, path: string): void {
    this.#files.close(path);
    if (!makeWorkerDirectory(this.#fs, this.#layout, transcript.owner.workerId)) {
      if (this.isReplaying && this.#takesUp(transcript, path)) return;
      assertFile(this.#fs, path, nameOf(this.#layout, path));
      this.#fs.remove(path);
    }
    const file = this.#fs.open(path, "create");
    try {
      transcript.bytes = appendLines(file, [transcriptHeader(transcript.owner)], 0);
      transcript.unsynced = transcript.nameUnsynced = true;
    } finally {
      closeQuietly(file);
    }
  }

  #cut(transcript: Transcript, path: string, bytes: number): void {
    const { directory } = this.paths(transcript.owner.workerId);
    assertDirectory(this.#fs, directory, nameOf(this.#layout, directory));
    const file = this.#files.get(path);
    const { size } = file.stat();
    if (!transcript.proven) prove(file, transcript, bytes);
    else if (size < bytes) throw new DamagedLine(size);
    else checkEnd(file, transcript, bytes);
    transcript.mark = endOf(file, bytes).mark;
    if (size > bytes && !this.isReplaying) {
      file.truncate(bytes);
      transcript.unsynced = true;
    }
  }

  /** Goes on behind the header of a file that is the owner's already. */
  #takesUp(transcript: Transcript, path: string): boolean {
    const { length } = transcriptHeader(transcript.owner);
    try {
      this.#cut(transcript, path, length);
    } catch (error) {
      if (error instanceof DamagedLine || isNotFound(error)) return false;
      throw error;
    }
    transcript.bytes = length;
    transcript.unsynced = true;
    return true;
  }
}

/** Throws `DamagedLine` unless a file is the transcript, up to its last line. */
export function checkEnd(file: OpenFile, { owner, entries, mark }: Transcript, bytes: number): void {
  checkTranscript(file, owner, bytes, entries);
  if (mark !== undefined && endOf(file, bytes).mark !== mark) throw new DamagedLine(bytes);
}

/** Looks at each line that a power cut may have taken. */
function prove(file: OpenFile, transcript: Transcript, bytes: number): void {
  const whole = wholeExtent(file, transcript.owner, transcript.synced ?? NOTHING, bytes);
  if (whole.bytes < bytes || whole.entries !== transcript.entries) throw new DamagedLine(whole.bytes);
  transcript.proven = true;
}
