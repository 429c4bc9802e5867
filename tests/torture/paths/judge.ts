/**
 * The oracle I11: an acknowledged event is found at the path, or in the tree that
 * was moved away after the last check, or the host had rejected it. A rejection is
 * final, and nothing is written after it, above all not into a copy that replaced
 * the store.
 *
 * @module
 */
import { dirname } from "@std/path";
import type { Image, SimulatedDisk } from "../../disk/mod.ts";
import { HOME } from "../../kit/opened.ts";
import { checkPromisedBlobs } from "../script/blobs.ts";
import { checkOpens, checkWhole } from "../oracle.ts";
import { Finding, type History } from "../script/history.ts";
import type { Played } from "../script/stage.ts";
import { type Course, NOTHING } from "./course.ts";
import { MOVED } from "./intrusions.ts";

/** Batches that may be acknowledged before the host notices that an older segment is gone. */
const LATE_MAX = 4;

/** Judges the outcome of a case. Throws a {@linkcode Finding} if the oracle does not hold. */
export async function judge(course: Course, { disk, history, session }: Played): Promise<void> {
  const { path, intruded: { object, intrusion, call, refusals, workload } } = course;
  if (intrusion.isHarmless) {
    // Commands that race each other have either answer.
    const certain = (codes: readonly string[]) =>
      `${codes.filter((code) => !workload.refusals?.includes(code))}`;
    if (certain(session.refusals) !== certain(refusals)) {
      throw new Finding("I11", `a harmless intrusion is answered with ${session.refusals}, not ${refusals}`);
    }
    return await checkAt("at the path", () => checkOpens(disk.fork(), history.at(history.mark())));
  }
  checkRefusal(course, disk);
  checkOthers(course, session.refusedWorkers);
  // Those that were compared with their paths since.
  const isChecked = (sha256: string) => (course.blobChecks.get(sha256) ?? 0) >= call.index;
  checkPromisedBlobs(disk, history, { from: course.mark?.blobSteps ?? 0, isChecked, moved: MOVED });
  // Blobs may have been put into a copy, and may have been removed with the object.
  history.checksBlobs = false;
  if (intrusion.leaves === "link" && !history.hasMoved) return await checkMoved(path, disk, history);
  const late = course.acknowledged.find((one) => one.call >= call.index);
  if (late !== undefined && course.hasLostLock) {
    throw new Finding("I10", `event ${late.through} is acknowledged without the lock`);
  }
  const isForeign = intrusion.leaves !== "own" && !intrusion.links;
  if (object.isGuarded && isForeign && course.isHeld) checkUntouched(course, disk);
  if (late !== undefined || history.hasMoved) return await checkFound(course, disk, history);
  if (intrusion.moves) await checkMoved(path, disk, history);
  else if (intrusion.leaves === "own") await checkFound(course, disk, history);
  await checkUsable(course, disk, history);
}

/** Adds the affected store to a finding of another oracle. */
async function checkAt(what: string, check: () => Promise<unknown>): Promise<void> {
  try {
    await check();
  } catch (error) {
    if (!(error instanceof Finding)) throw error;
    throw new Finding("I11", `${what}: ${error.message}`, { cause: error });
  }
}

/** I9: the files of one worker concern no other one. */
function checkOthers({ intruded }: Course, refused: ReadonlySet<string>): void {
  const { object, intrusion, refusedWorkers, workload: { forks = [] } } = intruded;
  const isOfOne = object.name === "blob" || object.name.startsWith("workers/a");
  if (!isOfOne || intrusion.name === "swapped") return;
  const concerned = new Set(["a", ...forks, ...refusedWorkers]);
  const others = [...refused].filter((workerId) => !concerned.has(workerId));
  if (others.length > 0) throw new Finding("I9", `commands of ${others} are rejected`);
}

/** A rejection is final, and nothing is written after it. */
function checkRefusal({ refused, acknowledged, intruded }: Course, disk: SimulatedDisk): void {
  if (refused === undefined) return;
  // An event that was synced before may be acknowledged just after a concurrent command was rejected.
  const late = acknowledged.find(({ through, call }) =>
    through > refused.events && call >= intruded.call.index
  );
  if (late !== undefined) {
    throw new Finding("I11", `event ${late.through} is acknowledged after a final refusal`);
  }
  const changed = differences(refused.image, disk.image());
  if (changed.length > 0) throw new Finding("I11", `written after the refusal: ${changed}`);
}

/**
 * The tree that was put in the place of the object is unchanged, except by calls that were under way. A file that
 * such a call created there was removed again.
 */
function checkUntouched(course: Course, disk: SimulatedDisk): void {
  const { path, call, left, leftBehindCalls } = course;
  if (leftBehindCalls === undefined) return;
  const expected = call?.operation === "open" ? left : leftBehindCalls;
  const changed = differences(expected, disk.intruder.view(path) ?? NOTHING);
  if (changed.length > 0) throw new Finding("I11", `written into what is at ${path} now: ${changed}`);
}

/** Everything that was acknowledged is in the store at the path. */
async function checkFound(course: Course, disk: SimulatedDisk, history: History): Promise<void> {
  const { object: { isGuarded }, intrusion: { leaves } } = course.intruded;
  const isGuardedNow = isGuarded && course.isHeld;
  if (!isGuardedNow && leaves !== "same" && leaves !== "own") return checkLog(course, disk, history);
  await checkAt("at the path", () => checkOpens(disk.fork(), history.at(history.mark())));
}

/**
 * The events are in the log at the path, those before the intrusion perhaps in what was moved away. That an older
 * segment or the file for an opening is missing or another one need not be noticed at the next commit.
 */
function checkLog(course: Course, disk: SimulatedDisk, history: History): void {
  const { mark, acknowledged, intruded, path, wasOpen } = course;
  const logOf = (place: string) =>
    [...disk.dump()].filter(([path]) => path.startsWith(place))
      .map(([, bytes]) => new TextDecoder().decode(bytes)).join("");
  const [log, moved] = [logOf(`${HOME}/events/`), logOf(MOVED)];
  const { prunable } = history.mark();
  for (const [index, text] of history.texts.entries()) {
    const line = text.slice(0, -1);
    const mayBeGone = index < (mark?.certain ?? 0) || history.hasMoved;
    if (index < prunable || log.includes(line) || mayBeGone) continue;
    const isLate = acknowledged.some(({ through, call }) => through > index && call >= intruded.call.index);
    if (isLate || !moved.includes(line)) throw new Finding("I11", `not in the log at the path: ${text}`);
  }
  const late = acknowledged.filter(({ call }) => call >= intruded.call.index);
  const isPruned = Number(/(\d+)\.jsonl$/.exec(path)?.[1]) <= prunable;
  const isMissing = wasOpen && path.includes("/events/") && !isPruned && disk.peek(path) === undefined;
  if (isMissing && late.length > LATE_MAX) {
    throw new Finding("I11", `${late.length} batches are acknowledged without ${path}`);
  }
}

/** Everything that was acknowledged is in the store once it is back at its path. */
async function checkMoved(path: string, disk: SimulatedDisk, history: History): Promise<void> {
  const moved = disk.fork();
  // The directory of a worker that was purged afterwards.
  if (moved.intruder.view(dirname(path)) === undefined) return;
  moved.intruder.remove(path);
  moved.intruder.move(MOVED, path);
  await checkAt("what was moved away", () => checkOpens(moved, history.at(history.mark())));
}

/** A second host can continue with the whole store that was put there. */
async function checkUsable(course: Course, disk: SimulatedDisk, history: History): Promise<void> {
  const { intruded: { workload, object, intrusion, isThorough }, mark, other } = course;
  // The calls that were under way may have changed it.
  if (!object.isWhole || mark === undefined || differences(course.left, course.leftBehindCalls).length > 0) {
    return;
  }
  // Links to files that grew since are inconsistent with the older names.
  if (intrusion.links && intrusion.leaves === "older") return;
  const written = workload.durability === "written";
  const check = (history: History) =>
    checkAt(
      "what is at the path now",
      () => isThorough ? checkWhole(disk.fork(), history, written) : checkOpens(disk.fork(), history),
    );
  if (intrusion.leaves === "older") await check(course.olderHistory());
  else if (intrusion.links) await check(history.at(history.mark()));
  else if (intrusion.leaves === "same") await check(history.at(mark));
  else if (intrusion.leaves === "other") await check(other.history.at(other.history.mark()));
}

/** Paths at which two trees differ. */
function differences(one: Image | undefined, other: Image | undefined, path = ""): string[] {
  if (one === other) return [];
  if (one?.kind !== "directory" || other?.kind !== "directory") {
    const isSame = one !== undefined && one.kind === other?.kind && one.hash.a === other.hash.a &&
      one.hash.b === other.hash.b;
    return isSame ? [] : [path];
  }
  const names = new Set([...one.entries.keys(), ...other.entries.keys()]);
  return [...names].flatMap((name) =>
    differences(one.entries.get(name), other.entries.get(name), `${path}/${name}`)
  );
}
