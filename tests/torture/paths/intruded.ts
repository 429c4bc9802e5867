/**
 * Runs a case: a host plays its script, another process interferes with the
 * paths of the store between two of its calls, and the outcome is judged.
 *
 * @module
 */
import type { Runtime } from "../../../mod.ts";
import type { CallHook, DiskCall, SimulatedDisk } from "../../disk/mod.ts";
import { bytesOf, say } from "../script/bases.ts";
import { Finding } from "../script/history.ts";
import type { Session } from "../script/session.ts";
import { play, settled } from "../script/stage.ts";
import type { Workload } from "../workloads.ts";
import { Course, otherOf, type PathCase } from "./course.ts";
import { ASIDE } from "./intrusions.ts";
import { judge } from "./judge.ts";

type EventPage = Awaited<ReturnType<Runtime["events"]>>;

/** A run in which no other process interferes. */
export interface SoundRun extends Pick<PathCase, "refusals" | "refusedWorkers"> {
  readonly calls: readonly DiskCall[];
}

/** Calls and rejections of a workload when no other process interferes. */
export async function soundRun(
  workload: Workload,
): Promise<SoundRun> {
  const hook = (disk: SimulatedDisk): CallHook => {
    disk.plant.directory(ASIDE);
    return () => undefined;
  };
  const { disk, session } = await play(workload, { trace: "calls", hook });
  const calls = [...disk.calls.entries];
  const { refusedWorkers } = session;
  const refusals = [...session.refusals];
  await session.abandon();
  return { calls, refusals, refusedWorkers };
}

/** Runs a case; `false` if the object does not exist at that call. Throws a {@linkcode Finding}. */
export async function runCase(intruded: PathCase): Promise<boolean> {
  const other = await otherOf(intruded.workload.base);
  let course: Course | undefined;
  try {
    const played = await play(intruded.workload, {
      hook: (disk, history, session) => {
        course = new Course(intruded, other, { disk, history, session });
        return course.hook;
      },
      onRefused: () => course?.onRefused(),
    });
    if (course === undefined || !await settled(finish(course, played.session))) return false;
    await settled(judge(course, played));
    return true;
  } catch (error) {
    if (await course?.isMisreadUnseen(error)) return true;
    throw error;
  }
}

/** Uses the host after its script, then closes or kills it. Returns false if there was no intrusion. */
async function finish(course: Course, session: Session): Promise<boolean> {
  session.disk.onCall = course.hook;
  if (course.happened && session.runtime !== undefined) {
    await readAll(course, session);
    await sayAll(session);
    await session.tell((runtime) => runtime.flush());
    await readAll(course, session);
    await sayAll(session);
  }
  if (!course.intruded.isKilled) await session.close();
  course.note();
  course.goOn();
  session.disk.onCall = undefined;
  await session.abandon();
  return course.happened;
}

function workersOf({ runtime }: Session): readonly string[] {
  if (runtime === undefined || runtime.health.status === "retired") return [];
  return runtime.workers({ limit: 100, status: "running" }).items.map(({ record }) => record.workerId);
}

async function sayAll(session: Session): Promise<void> {
  for (const workerId of workersOf(session)) {
    await say(session, workerId, 40);
    await session.put(workerId, bytesOf(`blob ${session.history.texts.length}`));
  }
}

/** Reads transcripts and events. Throws a {@linkcode Finding} if they are not the runtime's own. */
async function readAll(
  { intruded: { object, intrusion }, wasOpen }: Course,
  session: Session,
): Promise<void> {
  for (const workerId of workersOf(session)) await session.read(workerId);
  // An opening reads the end of an older segment: what took its place before that is the store's own.
  if (!wasOpen && object.name === "oldest" && intrusion.leaves === "other") return;
  const { texts } = session.history;
  for (let after: number | null = session.history.mark().prunable; after !== null;) {
    const from: { after: number; limit: number } = { after, limit: 50 };
    const page: EventPage | undefined = await session.tell((runtime) => runtime.events(from));
    const wanted = page?.items.map(({ id }) => JSON.parse(texts[id - 1] ?? "null"));
    if (JSON.stringify(page?.items) !== JSON.stringify(wanted)) {
      throw new Finding("I11", `events of somebody else are returned: ${JSON.stringify(page?.items)}`);
    }
    after = page?.next ?? null;
  }
}
