/**
 * Judges the outcome of damage to a store.
 *
 * @module
 */
import { isRuntimeError, type RuntimeEvent } from "../../../mod.ts";
import type { SimulatedDisk } from "../../disk/mod.ts";
import { transcriptsOf } from "../kit/fold.ts";
import { verify } from "../../../operate.ts";
import { openOn, ROOT } from "../../kit/opened.ts";
import { namesFile, type PageSizes, readAll, type Readings } from "../kit/readings.ts";
import { BrokenOracle } from "../suite.ts";
import { namesBlob } from "./blob_readings.ts";
import { type Baseline, comparedFiles, type Visit, visit } from "./baseline.ts";
import { damagedDisk, equalBytes, kindOf } from "./damage.ts";
import type { Mutation } from "./mutations.ts";

/**
 * `refused`: the store did not open. `told`: a diagnostic or the error of a read
 * reported the damage. `harmless`: nothing was reported, and every answer is right.
 * `shorter`: the last batch of a log that was not closed is missing, as if it had
 * never been acknowledged.
 */
export type Outcome = "refused" | "told" | "harmless" | "shorter";

/** A damaged file. */
export interface Case {
  /** Name of the failure. */
  readonly name: string;
  /** The file. */
  readonly file: string;
  /** The mutation. */
  readonly mutation: Mutation;
  /** Open the store once more afterwards. */
  readonly again: boolean;
}

/** Runs a case; `undefined` if the mutation does not apply to the file. */
export async function judge(
  baseline: Baseline,
  { name, file, mutation, again }: Case,
  sizes: PageSizes,
): Promise<Outcome | undefined> {
  const disk = damagedDisk(baseline.base, baseline.files, file, mutation);
  if (disk === undefined) return undefined;
  const broken = (oracle: string, why: string, cause?: unknown): BrokenOracle =>
    new BrokenOracle(oracle, name, why, { cause });
  const before = comparedFiles(disk);
  if (baseline.referenced.has(file)) await mustBeFound(file, mutation, disk.fork(), broken);
  const found = await visitOrError(disk, baseline, sizes);
  if ("error" in found) {
    if (!namesFile(found.error)) throw broken("I1", "it was refused without a typed error", found.error);
    if (file.startsWith("workers/")) throw broken("I9", "one worker's file hides all", found.error);
    mustBeUnchanged(before, comparedFiles(disk), broken);
    return "refused";
  }
  if (checkReadings(baseline, file, found, broken)) {
    const cut = found.diagnostics.some(({ code, file: named }) => code === "torn_tail_cut" && named === file);
    if (!cut && /^(?:flip|zeros)/.test(mutation)) throw broken("I1", "the end was cut off, and nothing told");
    return "shorter";
  }
  const told = wasTold(baseline, file, found);
  if (baseline.referenced.has(file) && !told) throw broken("I1", "a blob is damaged, and reads tell nothing");
  checkDisk(baseline, file, mutation, withoutBlobs(before, comparedFiles(disk), broken), told, broken);
  if (again) await checkSecond(baseline, file, disk, sizes, broken);
  return told ? "told" : "harmless";
}

type Broken = (oracle: string, why: string, cause?: unknown) => BrokenOracle;

/** Verify finds the damage of a blob that an entry refers to, or cannot read its file. */
async function mustBeFound(
  file: string,
  mutation: Mutation,
  fileSystem: SimulatedDisk,
  broken: Broken,
): Promise<void> {
  try {
    const { verdict, findings } = await verify({ root: ROOT, runtimeId: "t" }, { fileSystem });
    const isFound = findings.some((found) => found.severity === "damaged" && found.file === file);
    if (verdict === "damaged" && isFound) return;
    throw broken("I1", `a blob is damaged, and verify finds ${verdict} ${JSON.stringify(findings)}`);
  } catch (error) {
    if (isRuntimeError(error) && mutation === "denied" && error.code === "store_permission") return;
    throw error;
  }
}

/** I8: no blob is changed by an opening, damaged or not. Returns the other files. */
function withoutBlobs(
  before: ReadonlyMap<string, Uint8Array>,
  after: ReadonlyMap<string, Uint8Array>,
  broken: Broken,
): Map<string, Uint8Array> {
  const [kept, now] = [before, after].map((files) => [...files].filter(([name]) => name.includes("/blobs/")));
  for (const [name, bytes] of kept ?? []) {
    const found = after.get(name);
    if (found === undefined || !equalBytes(found, bytes)) throw broken("I8", `${name} was changed`);
  }
  if (now?.length !== kept?.length) throw broken("I8", "there are more blobs than before");
  return new Map([...after].filter(([name]) => !name.includes("/blobs/")));
}

async function visitOrError(
  disk: SimulatedDisk,
  { base }: Baseline,
  sizes: PageSizes,
): Promise<Visit | { readonly error: unknown }> {
  try {
    return await visit(disk, base.workerIds, sizes);
  } catch (error) {
    return { error };
  }
}

function mustBeUnchanged(
  before: ReadonlyMap<string, Uint8Array>,
  after: ReadonlyMap<string, Uint8Array>,
  broken: Broken,
): void {
  for (const [name, bytes] of before) {
    const now = after.get(name);
    if (now === undefined || !equalBytes(now, bytes)) {
      throw broken("I8", `${name} was changed by a refused opening`);
    }
  }
}

/** Compares every part with the baseline; true if the end of the log is missing in the one permitted way. */
function checkReadings(
  baseline: Baseline,
  file: string,
  { readings }: Visit,
  broken: Broken,
): boolean {
  checkFold(readings, broken);
  if (readings.get("workers")?.text !== baseline.readings.get("workers")?.text) {
    if (mayBeShorter(baseline, file) && isLongPrefix(readings, baseline)) return true;
    throw broken("I1", "the states of the workers are not what they were");
  }
  for (const [part, { text, error }] of readings) {
    if (error === undefined && text === baseline.readings.get(part)?.text) continue;
    if (error === undefined) throw broken("I1", `${part} is answered wrongly`);
    const isTyped = part.startsWith("blob ") ? namesBlob(error, part) : namesFile(error);
    if (!isTyped) throw broken("I1", `${part} is refused without a typed error`, error);
    if (!concerns(file, part)) throw broken("I9", `${part} is refused, and has nothing to do with it`, error);
  }
  return false;
}

/** I5: the transcripts agree with the events. */
function checkFold(readings: Readings, broken: Broken): void {
  const text = readings.get("events")?.text;
  if (text === undefined) return;
  for (const [workerId, entries] of transcriptsOf(JSON.parse(text))) {
    for (const part of [`transcript ${workerId}`, `back ${workerId}`]) {
      const found = readings.get(part)?.text;
      if (found !== undefined && found !== JSON.stringify(entries)) {
        throw broken("I5", `${part} is not what the events amount to`);
      }
    }
  }
}

/** Returns true if damage to the file may hide the part: its worker's transcript, or events of the log. */
function concerns(file: string, part: string): boolean {
  if (file.startsWith("events")) return part === "events";
  if (file.includes("/blobs/")) return part === `blob ${file}`;
  return /^workers\/.*transcript/.test(file) &&
    part.endsWith(file.split("/")[1] === "~42eta~2f2" ? "Beta/2" : file.split("/")[1] ?? "");
}

/** Only a log that was not closed may lose any of its end. */
function mayBeShorter({ ending, files }: Baseline, file: string): boolean {
  return ending === "killed" && kindOf(file, files) === "last segment";
}

/**
 * I2: the events are a prefix of the original ones, followed by those of the
 * opening. Only the last batch may be missing: transcripts are witnesses of all
 * earlier events.
 */
function isLongPrefix(readings: Readings, { events: sound, base }: Baseline): boolean {
  const events: RuntimeEvent[] = JSON.parse(readings.get("events")?.text ?? "[]");
  const same = events.findIndex((event, index) => JSON.stringify(event) !== JSON.stringify(sound[index]));
  return same >= base.lastBatchFirst - 1 &&
    events.slice(same).every((event) =>
      event.type === "runtime.opened" ||
      event.type === "worker.committed" && event.run?.ended === "interrupted"
    );
}

/** Returns true if anything was reported beyond the reports of the undamaged store. */
function wasTold(baseline: Baseline, file: string, { readings, diagnostics }: Visit): boolean {
  for (const { error } of readings.values()) {
    if (isRuntimeError(error)) return true;
  }
  const usual = new Set(baseline.diagnostics.map(({ code, file }) => `${code} ${file}`));
  const others = diagnostics.filter((found) => !usual.has(`${found.code} ${found.file}`));
  return others.some((found) => found.file === file || found.file === undefined) ||
    diagnostics.some((found) => found.file === file && found.message.includes("damaged"));
}

/** I8 and I5: afterwards the disk has the expected content; only reported damage to the log remains. */
function checkDisk(
  baseline: Baseline,
  file: string,
  mutation: Mutation,
  after: ReadonlyMap<string, Uint8Array>,
  told: boolean,
  broken: Broken,
): void {
  for (const [name, bytes] of baseline.after) {
    if (name.includes("/blobs/")) continue;
    const now = after.get(name);
    if (now !== undefined && equalBytes(now, bytes)) continue;
    // The newline at the end of a sealed file is for people.
    if (name === file && now !== undefined && equalBytes(now, bytes.subarray(0, -1))) continue;
    // The log is never rewritten: bytes inserted between its lines, and never read, remain there.
    if (name === file && (told || mutation === "denied" || file.startsWith("events/"))) continue;
    // After a repaired end or a lost checkpoint the log continues in a new segment. A transcript that
    // could not be written is marked in the checkpoint for a rebuild.
    const elsewhere = told || file.startsWith("checkpoint");
    if (elsewhere && (name.startsWith("checkpoint") || goesOn(baseline, name, now))) continue;
    if (mutation === "directory" && name.startsWith(file.slice(0, file.lastIndexOf("/") + 1))) continue;
    if (name === "runtime.json" && file === "config.jsonc") continue;
    if (name.startsWith("overview") && file === "config.jsonc") continue;
    throw broken("I5", `${name} is not what it should be afterwards`);
  }
}

/** Returns true if a segment of the log still has its former content. */
function goesOn({ files }: Baseline, name: string, now: Uint8Array | undefined): boolean {
  const before = files.get(name);
  if (!name.startsWith("events/") || now === undefined) return false;
  return before === undefined || equalBytes(now.subarray(0, before.length), before);
}

async function checkSecond(
  baseline: Baseline,
  file: string,
  disk: SimulatedDisk,
  sizes: PageSizes,
  broken: Broken,
): Promise<void> {
  const { runtime } = await openOn(disk);
  try {
    for (const [part, { text, error }] of await readAll(runtime, baseline.base.workerIds, sizes)) {
      if (error !== undefined && concerns(file, part) && namesFile(error)) continue;
      if (text !== baseline.second.get(part)?.text) {
        throw broken("I4", `${part} is wrong at the second opening`, error);
      }
    }
  } finally {
    await runtime.close();
  }
}
