/**
 * Fails every call of the file system, in every way, once and permanently.
 * Afterwards every command was answered, the disk works again, and the store has
 * everything it promised.
 *
 * @module
 */
import type { Diagnostic } from "../../../mod.ts";
import {
  type CallHook,
  chooseRandomly,
  type DiskCall,
  type ErrorCode,
  faultAt,
  hooks,
  isChange,
  isSync,
  isTransfer,
  keepAll,
  loseAll,
  Random,
  type SimulatedDisk,
} from "../../disk/mod.ts";
import { HOME } from "../../kit/opened.ts";
import { checkOpens, checkWhole } from "../oracle.ts";
import { Finding, type Mark } from "../script/history.ts";
import { count, isChosen, type Job, type JobSuite, see, type Tally, tryCase } from "../script/parallel.ts";
import { checkProjections } from "../script/projections.ts";
import type { Session } from "../script/session.ts";
import { play, settled, stillClock, Unhandled } from "../script/stage.ts";
import type { Budget, SuiteReport } from "../suite.ts";
import { type Workload, workloads } from "../workloads.ts";
import { checkForeignHands } from "./foreign.ts";
import { callingSites, writtenSites } from "./sites.ts";

type Kind = ErrorCode | "short" | "applied";

/** Only one call fails; each one from there on; or one and a second one this many calls later. */
type Extent = "once" | "sticky" | "and-1" | "and-2" | "and-3";

/** Tried at every call; and writes that fail but take effect. */
const ALWAYS: readonly Kind[] = ["EIO", "short"];
/** Tried at many calls. */
const OFTEN: readonly Kind[] = ["ENOSPC"];
const OFTEN_SHARE = 0.3;
/** Of the others, and of calls that fail but take effect, a part is tried: all at a share of 20. */
const OTHERS: readonly Kind[] = ["EDQUOT", "EACCES", "EROFS", "EMFILE", "EBUSY", "applied"];
const OTHERS_SHARE = 0.05;
/** Second faults, which reach the code that handles the first ones. */
const SECONDS: readonly Extent[] = ["and-1", "and-2", "and-3"];
const SECONDS_SHARE = 0.2;
/** Of the checks of the place, which are most of the calls and come from few places. */
const CHECKS_SHARE = 0.1;
/** Jobs that the calls of one workload are cut into. */
const PARTS = 6;
/** One in this many cases is checked by all oracles; the others are opened and read. */
const WHOLE_EACH = 4;

/** The suite. */
export const faults: JobSuite = {
  name: "faults",
  title: "fails at every call of the file system",
  jobs: (budget) => Promise.resolve(jobsOf(budget)),
  work,
  report,
};

function jobsOf({ share, seed, only = "" }: Budget): Job[] {
  return workloads.flatMap(({ name }) =>
    Array.from({ length: PARTS }, (_, part) => ({ workload: name, part, share, seed, only }))
  ).filter(({ workload, part }) => only === "" || only.startsWith(`${workload}/`) && part === 0);
}

async function work(job: Job, tally: Tally): Promise<void> {
  using _clock = stillClock();
  using unhandled = new Unhandled();
  const { share = 1, seed = 1, only = "", part = 0 } = job;
  const workload = workloads.find(({ name }) => name === job.workload);
  if (workload === undefined) throw new Error(`Cannot fail: there is no workload ${job.workload}`);
  const calls: DiskCall[] = [];
  const sound = await tryCase(tally, `${workload.name}/sound`, async () => {
    calls.push(...await callsOf(workload, tally, Number(part)));
  });
  if (!sound) return;
  if (part === 0) count(tally, "workloads");
  if (part === 0 && workload === workloads[0]) {
    await tryCase(tally, "foreign", async () => count(tally, "foreign", await checkForeignHands()));
  }
  for (const call of calls) {
    if (call.index % PARTS !== part && only === "") continue;
    if (part === 0 || only === "") count(tally, "calls");
    for (const [kind, extent, part] of faultsFor(call)) {
      const caseName = `${workload.name}/${call.index}/${kind}/${extent}`;
      const chosen = Number(share) * part;
      if (only === "" ? !isChosen(caseName, chosen, Number(seed)) : only !== caseName) continue;
      const isTranscript = call.operation === "write" && call.path.endsWith("/transcript.jsonl");
      const whole = !hidesLostWorker(workload, call, extent) &&
        (only !== "" || isTranscript || isChosen(`whole ${caseName}`, 1 / WHOLE_EACH, Number(seed)));
      const ok = await tryCase(tally, caseName, async () => {
        await fail({ workload, call, kind, extent, whole }, tally);
        unhandled.check();
      });
      if (!ok && tally.failure !== undefined) return;
      count(tally, "cases");
    }
  }
}

/**
 * Returns true if a call reads the files of a worker lost with the end of the log,
 * or may be followed by another failing call that does. If that fails, the owner of
 * the files is unknown, and they are left: an unreadable file must not prevent an
 * opening. The same applies if the removal of its directory fails after that of its
 * last file: nothing refers to it any more, and a power cut may restore that file.
 */
function hidesLostWorker({ base }: Workload, { path, operation }: DiskCall, extent: Extent): boolean {
  if (base !== "lostEnd") return false;
  const looks = ["stat", "open", "fileStat", "read"].includes(operation);
  const removes = operation === "removeDirectory" && path.endsWith("/workers/c");
  // The checks of the place before and after these calls access other paths.
  const checks = operation === "identity";
  return extent !== "once" || removes || checks || looks && path.includes("/workers/c/");
}

/** The calls of a workload on a sound disk; notes where those of this part, each of which will fail, come from. */
async function callsOf(workload: Workload, tally: Tally, part: number): Promise<DiskCall[]> {
  const calls: DiskCall[] = [];
  let unlocked: Finding | undefined;
  const { session } = await play(workload, {
    hook: (disk) => (call) => {
      calls.push(call);
      unlocked ??= unlockedBy(disk, call);
      if (call.index % PARTS === part) {
        const { site, path } = callingSites(call.operation);
        see(tally, "paths", path);
        see(tally, "sites", site);
      }
      return undefined;
    },
  });
  await session.abandon();
  if (unlocked !== undefined) throw unlocked;
  return calls;
}

/** I10: nothing in the store's place is changed by a process that does not hold the lock. */
function unlockedBy(disk: SimulatedDisk, call: DiskCall): Finding | undefined {
  const isOurs = isChange(call) && call.operation !== "lock" && call.operation !== "open" &&
    call.operation !== "ensureDirectory" && call.operation !== "makeDirectory";
  if (!isOurs) return undefined;
  const lock = disk.attach().lock(`${HOME}/lock`);
  if (lock === undefined) return undefined;
  lock.release();
  return new Finding("I10", `${call.operation} of ${call.path} without the lock`);
}

/** The faults of a call, each with the share that is tried. */
function faultsFor(call: DiskCall): [Kind, Extent, number][] {
  const kinds = [...ALWAYS, ...OFTEN, ...OTHERS].filter((kind) =>
    kind === "short" ? isTransfer(call) : kind !== "applied" || canFailApplied(call)
  );
  const single = kinds.flatMap((kind): [Kind, Extent, number][] => {
    const isAlways = ALWAYS.includes(kind) || (kind === "applied" && call.operation === "write");
    const part = isAlways ? 1 : OFTEN.includes(kind) ? OFTEN_SHARE : OTHERS_SHARE;
    return [[kind, "once", part], [kind, "sticky", part]];
  });
  const seconds = SECONDS.map((extent): [Kind, Extent, number] => ["EIO", extent, SECONDS_SHARE]);
  const factor = call.operation === "identity" ? CHECKS_SHARE : 1;
  return [...single, ...seconds].map(([kind, extent, part]) => [kind, extent, factor * part]);
}

/**
 * Notes the places at which calls fail that only a failure leads to: of a disk
 * that fails for good, the first few. One kind of fault is enough; where the
 * calls of a sound disk come from is known.
 */
function noted(hook: CallHook, { kind, extent }: FaultCase, tally: Tally): CallHook {
  let left = kind !== "EIO" || extent === "once" ? 0 : 4;
  return (call) => {
    const fault = hook(call);
    if (fault !== undefined && left-- > 0) see(tally, "sites", callingSites(call.operation).site);
    return fault;
  };
}

/** The disk works again, and the projections are current after the next flush. */
async function checkFlush(session: Session): Promise<void> {
  const refused = session.refusals.length;
  await session.tell((runtime) => runtime.flush());
  if (session.refusals.length > refused) {
    throw new Finding("I5", `flush was refused: ${session.refusals.at(-1)}`);
  }
  checkProjections(session.disk, session.history);
}

/** Returns true if the call may fail and take effect nevertheless. A handle would be lost by it. */
function canFailApplied(call: DiskCall): boolean {
  return isSync(call) || (isChange(call) && call.operation !== "lock" && call.operation !== "open");
}

/** A case. */
interface FaultCase {
  readonly workload: Workload;
  readonly call: DiskCall;
  readonly kind: Kind;
  readonly extent: Extent;
  /** True if it is checked by all oracles. */
  readonly whole: boolean;
}

async function fail(fault: FaultCase, tally: Tally): Promise<void> {
  const { workload, call: { index, operation }, kind, whole } = fault;
  const written = workload.durability === "written";
  let refused: { readonly disk: SimulatedDisk; readonly mark: Mark } | undefined;
  const { disk, history, session } = await play(workload, {
    hook: () => noted(hookOf(fault), fault, tally),
    onRefused: ({ disk, history }) => refused ??= { disk: disk.fork(), mark: history.mark() },
  });
  const unexpected = session.refusals.filter((code) => !workload.refusals?.includes(code));
  if (kind === "short" && unexpected.length > 0) {
    throw new Finding("I7", `a short call was answered with ${unexpected}`);
  }
  // Data of a rejected command is absent, at whatever moment the power is cut.
  const samples = kind === "applied" && operation === "write" ? 12 : 3;
  for (const state of refused?.disk.crashStates({ samples, exhaustiveStates: samples, seed: index }) ?? []) {
    await checkOpens(state.disk, history.at(refused?.mark ?? history.mark(), written));
  }
  const mark = history.mark();
  const anyhow = chooseRandomly(new Random(index));
  for (const choose of [keepAll, anyhow]) await checkOpens(disk.crash(choose), history.at(mark, written));
  const lost = history.at(mark, written);
  if (!whole) await checkOpens(disk.crash(loseAll), lost);
  else if (operation !== "write") await settled(checkWhole(disk.crash(loseAll), lost, written));
  else checkNotRebuilt(workload, await settled(checkWhole(disk.crash(loseAll), lost, written)));
  if (session.runtime?.health.status === "ok") await checkFlush(session);
  await session.abandon();
  const sound = disk.attach();
  await settled(whole ? checkWhole(sound, history, written) : checkOpens(sound, history));
}

/** A failed write damages nothing: its data waits. */
function checkNotRebuilt({ base }: Workload, found: readonly Diagnostic[]): void {
  const rebuilt = found.find(({ code }) => code === "transcript_rebuilt");
  const wasDamaged = base === "damaged" || base === "fullQuarantine";
  if (rebuilt !== undefined && !wasDamaged) throw new Finding("I5", rebuilt.message);
}

function hookOf({ call: { index }, kind, extent }: FaultCase): CallHook {
  const fault = kind === "short"
    ? { kind: "short" } as const
    : { kind: "error", code: kind === "applied" ? "EIO" : kind, applied: kind === "applied" } as const;
  const first = faultAt(index, fault, extent === "sticky" ? "sticky" : "once");
  const second = Number(/^and-(\d)$/.exec(extent)?.[1] ?? 0);
  return second === 0 ? first : hooks(first, faultAt(index + second, fault));
}

function report(tally: Tally, { share, only }: Budget): SuiteReport {
  const written = writtenSites();
  const hit = new Set(tally.seen.sites);
  const missed = written.filter((site) => !hit.has(site));
  const all = only === undefined;
  const isFull = all && share >= 1;
  return {
    counts: [
      { what: "workloads", count: tally.counts.workloads ?? 0, target: all ? 20 : 0 },
      { what: "cases", count: tally.counts.cases ?? 0, target: all ? Math.floor(20_000 * share) : 1 },
      { what: "deeds of others", count: tally.counts.foreign ?? 0, target: all ? 4 : 0 },
      { what: "call sites", count: written.length - missed.length, target: isFull ? written.length : 0 },
    ],
    notes: [
      `${tally.counts.calls ?? 0} calls in the scripts, by ${tally.seen.paths?.length ?? 0} distinct ways`,
      ...(missed.length > 0 && isFull ? [`call sites missed: ${missed.join(", ")}`] : []),
    ],
  };
}
