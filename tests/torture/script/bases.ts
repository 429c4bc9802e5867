/**
 * Initial stores of scripts, each with its history.
 *
 * @module
 */
import { type DirectoryImage, SimulatedDisk } from "../../disk/mod.ts";
import { HOME } from "../../kit/opened.ts";
import { checkOpens } from "../oracle.ts";
import { seal } from "../../../src/fs/lines/sealed.ts";
import { segmentHeader } from "../../../src/fs/log/segments.ts";
import { limits } from "../../../mod.ts";
import { hashOfBytes } from "./blobs.ts";
import { History, type Mark } from "./history.ts";
import { Session } from "./session.ts";

/** An initial store. */
export interface Base {
  readonly image: DirectoryImage;
  readonly history: History;
}

/** All of them. */
export interface Bases {
  /** An empty disk. */
  readonly nothing: Base;
  /** Two workers, closed normally. */
  readonly closed: Base;
  /** The same, its writer killed in the middle of a run. */
  readonly killed: Base;
  /** Closed once; the next writer was killed after its transcripts were written. */
  readonly flushed: Base;
  /** Several segments and two checkpoints, with something to prune. */
  readonly long: Base;
  /** The same, pruned. */
  readonly pruned: Base;
  /** Power was cut in the middle of a batch. */
  readonly torn: Base;
  /** The same, and an opening was killed between the copy of the torn end and its truncation. */
  readonly halfCut: Base;
  /** Killed after the creation of a segment. */
  readonly begunSegment: Base;
  /** Killed in the middle of the creation of a segment. */
  readonly emptySegment: Base;
  /** The end of the log is missing, and a worker with it; transcripts have its events. */
  readonly lostEnd: Base;
  /** Every projection is damaged. */
  readonly damaged: Base;
  /** The log was pruned, and the newest checkpoint is damaged; foreign and temporary files exist. */
  readonly lostCheckpoint: Base;
  /** A torn end, a damaged transcript, and no room in quarantine. */
  readonly fullQuarantine: Base;
  /** Other kinds of entries at the paths of files, and a repair that was killed before it recorded the lost events. */
  readonly odd: Base;
  /** A store whose creation stopped half-way. */
  readonly unfinished: Base;
  /** Workers with blobs and large content, closed normally. */
  readonly blobs: Base;
  /** The same, with a foreign file among the blobs. */
  readonly foreignBlob: Base;
  /** The same, its writer killed while it put a blob. */
  readonly begunBlob: Base;
  /** The same, with blobs that are damaged, truncated and missing. */
  readonly damagedBlobs: Base;
}

/** The operator's config of all scripts. */
export function configOf(limits: Readonly<Record<string, number>>, durability: string): Uint8Array {
  const all = { segmentBytes: 4_096, checkpointBytes: 4_096, ...limits };
  return new TextEncoder().encode(JSON.stringify({ durability, limits: all }));
}

let made: Promise<Bases> | undefined;

/** Makes the bases, once. */
export function bases(): Promise<Bases> {
  return made ??= makeBases();
}

async function makeBases(): Promise<Bases> {
  const closed = await baseOf(undefined, async (session) => {
    await beginning(session);
    await session.close();
  });
  const killed = await baseOf(undefined, beginning);
  const long = await baseOf(closed, async (session) => {
    for (let turn = 0; turn < 3; turn++) {
      await session.open();
      for (let line = 0; line < 6; line++) await say(session, line % 2 === 0 ? "a" : "b", 900);
      await session.close();
    }
  });
  const pruned = await baseOf(long, async (session) => {
    await session.open();
    await session.tell((runtime) => runtime.prune());
    await session.close();
  });
  const nothing = { image: new SimulatedDisk().image(), history: new History() };
  const torn = await tornBase(closed);
  const blobs = await baseOf(closed, async (session) => {
    await session.open();
    await putBlobs(session);
    await session.close();
  });
  return {
    nothing,
    closed,
    killed,
    flushed: await baseOf(closed, async (session) => {
      await session.open();
      for (const workerId of ["a", "b", "a"]) await say(session, workerId, 50);
      await session.tell((runtime) => runtime.flush());
    }),
    long,
    pruned,
    torn,
    halfCut: await baseOf(torn, async (session) => {
      session.disk.onCall = ({ operation, path }) =>
        operation === "truncate" && path.includes("/events/") ? { kind: "kill", when: "before" } : undefined;
      await session.open();
    }),
    begunSegment: planted(killed, (disk) => beginSegment(disk, killed.history.texts.length + 1, true)),
    emptySegment: planted(killed, (disk) => beginSegment(disk, killed.history.texts.length + 1, false)),
    lostEnd: await lostEndBase(closed),
    damaged: planted(long, (disk) => damageProjections(disk)),
    lostCheckpoint: planted(pruned, (disk) => loseCheckpoint(disk)),
    fullQuarantine: planted(torn, (disk) => fillQuarantine(disk)),
    odd: planted(closed, (disk) => plantOddKinds(disk)),
    unfinished: planted(nothing, (disk) => beginCreation(disk)),
    blobs,
    foreignBlob: planted(blobs, (disk) => {
      disk.plant.file(`${HOME}/workers/a/blobs/notes.txt`, bytesOf("not the store's"));
    }),
    begunBlob: await baseOf(blobs, async (session) => {
      await session.open();
      session.disk.onCall = ({ operation, path }) =>
        operation === "rename" && path.includes("/incoming/") ? { kind: "kill", when: "before" } : undefined;
      await session.put("a", bytesOf("never named"));
    }),
    damagedBlobs: damageBlobs(blobs),
  };
}

/** A store created by a script, based on another one or on an empty disk. */
export async function baseOf(
  from: Base | undefined,
  script: (session: Session) => Promise<void>,
  durability = "synced",
): Promise<Base> {
  const history = from?.history.at(from.history.mark()) ?? new History();
  const disk = new SimulatedDisk(from === undefined ? {} : { contents: from.image });
  disk.plant.file(`${HOME}/config.jsonc`, configOf({}, durability));
  const session = new Session(disk, history);
  await script(session);
  const mark = history.mark();
  await session.abandon();
  return { image: disk.image(), history: history.at(mark) };
}

/** Appends this much to a worker's transcript. */
export async function say(session: Session, workerId: string, length: number): Promise<void> {
  await session.ask(workerId, (worker) => worker.sendInput({ role: "user", content: "x".repeat(length) }));
}

/** The blobs of worker "a" that entries refer to, and one of both workers that none refers to. */
export const pictures = { first: "picture of a cat", second: "picture of a dog", loose: "a draft" } as const;

/** The smallest content that is kept as a blob. */
export const large: string = "z".repeat(limits.contentInlineBytesMax - 1);

async function putBlobs(session: Session): Promise<void> {
  for (const text of [pictures.first, pictures.second]) {
    const blob = await session.put("a", bytesOf(text));
    if (blob === undefined) continue;
    await session.ask("a", (worker) => worker.append([{ role: "user", content: "see", blobs: [blob] }]));
  }
  for (const workerId of ["a", "b"]) await session.put(workerId, bytesOf(pictures.loose));
  await session.ask("b", (worker) => worker.append([{ role: "tool", content: [large] }]));
}

async function beginning(session: Session): Promise<void> {
  await session.open();
  for (const workerId of ["a", "b"]) {
    await session.tell((runtime) => runtime.createWorker({ workerId, intent: { kind: "assistant" } }));
    await say(session, workerId, 30);
  }
  await session.keyed("a", "first", "said once");
  await session.ask("b", (worker) => worker.commit({ usage: { model: "m-0", outputTokens: 5 } }));
  await session.tell((runtime) => runtime.flush());
  await session.ask("a", (worker) => worker.beginRun({ runId: "run-0" }));
}

/** The power is cut while a batch is written, and leaves a part of it after a hole. */
async function tornBase(from: Base): Promise<Base> {
  const history = from.history.at(from.history.mark());
  const disk = new SimulatedDisk({ contents: from.image });
  const session = new Session(disk, history);
  await session.open();
  let moment: { readonly disk: SimulatedDisk; readonly mark: Mark } | undefined;
  disk.onCall = ({ operation, path }) => {
    const isSync = operation === "syncDataNow" || operation === "syncData";
    if (isSync && path.includes("/events/")) moment ??= { disk: disk.fork(), mark: history.mark() };
    return undefined;
  };
  await Promise.all([1, 2, 3, 4].map(() => say(session, "a", 400)));
  await session.abandon();
  for (const state of moment?.disk.crashStates() ?? []) {
    const left = history.at(moment?.mark ?? history.mark());
    const notices = await checkOpens(state.disk.fork(), left.at(left.mark()));
    if (notices.some(({ code }) => code === "torn_tail_cut")) {
      return { image: state.disk.image(), history: left };
    }
  }
  throw new Error("Cannot make a torn base: no power cut leaves one");
}

/** A power cut loses the end of a log whose writer did not wait for the device. */
async function lostEndBase(from: Base): Promise<Base> {
  let kept = 0;
  const script = async (session: Session) => {
    await session.open();
    kept = session.history.texts.length;
    await session.tell((runtime) => runtime.createWorker({ workerId: "c", intent: { kind: "assistant" } }));
    for (const workerId of ["c", "a"]) await say(session, workerId, 60);
    await session.tell((runtime) => runtime.flush());
  };
  const { image, history } = await baseOf(from, script, "written");
  const disk = new SimulatedDisk({ contents: image });
  const log = `${HOME}/events/0000000000000001.jsonl`;
  const text = new TextDecoder().decode(disk.peek(log) ?? new Uint8Array());
  disk.plant.file(log, bytesOf(text.slice(0, text.indexOf(`{"id":${kept + 1},`))));
  return { image: disk.image(), history: history.at({ ...history.mark(), certain: kept, synced: kept }) };
}

function planted(from: Base, plant: (disk: SimulatedDisk) => void): Base {
  const disk = new SimulatedDisk({ contents: from.image });
  plant(disk);
  return { image: disk.image(), history: from.history };
}

/** The bytes of a text. */
export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Puts other bytes in the middle of a file. */
function spoil(disk: SimulatedDisk, name: string): void {
  const bytes = disk.peek(`${HOME}/${name}`) ?? new Uint8Array(3);
  bytes.fill(0x23, Math.floor(bytes.length / 2), Math.floor(bytes.length / 2) + 3);
  disk.plant.file(`${HOME}/${name}`, bytes);
}

function damageProjections(disk: SimulatedDisk): void {
  for (const name of ["overview.json", "workers/a/worker.json"]) spoil(disk, name);
  spoil(disk, "workers/a/transcript.jsonl");
  disk.plant.file(`${HOME}/workers/b/transcript.jsonl`, bytesOf("{}\n"));
  disk.plant.nothing(`${HOME}/workers/b/worker.json`);
}

/** Of worker "a" one blob has other bytes, one is missing; large content of worker "b" has no end. */
function damageBlobs(from: Base): Base {
  const history = from.history.at(from.history.mark());
  const disk = new SimulatedDisk({ contents: from.image });
  const spoiled = [pictures.first, pictures.second].map((text) => hashOfBytes(bytesOf(text)));
  const [first = "", second = ""] = spoiled;
  spoil(disk, `workers/a/blobs/${first}`);
  disk.plant.nothing(`${HOME}/workers/a/blobs/${second}`);
  const text = JSON.stringify([large]);
  disk.plant.file(`${HOME}/workers/b/blobs/${hashOfBytes(bytesOf(text))}`, bytesOf(text.slice(0, -9)));
  for (const sha256 of [...spoiled, hashOfBytes(bytesOf(text))]) {
    history.spoiledBlobs.set(sha256, history.blobSteps.length);
  }
  return { image: disk.image(), history };
}

function loseCheckpoint(disk: SimulatedDisk): void {
  spoil(disk, "checkpoint.json");
  disk.plant.file(`${HOME}/checkpoint.json.tmp`, bytesOf("{"));
  disk.plant.file(`${HOME}/events/0000000000000099.jsonl.tmp`, bytesOf("{"));
  disk.plant.file(`${HOME}/events/notes.txt`, bytesOf("not the store's"));
}

function plantOddKinds(disk: SimulatedDisk): void {
  for (const name of ["overview.json", "workers/a/transcript.jsonl", "workers/b"]) {
    disk.plant.nothing(`${HOME}/${name}`);
  }
  disk.plant.file(`${HOME}/overview.json/inside`, bytesOf("not the store's"));
  disk.plant.file(`${HOME}/overview.json.tmp`, bytesOf("{"));
  disk.plant.special(`${HOME}/workers/a/transcript.jsonl`);
  disk.plant.file(`${HOME}/workers/b`, bytesOf("not the store's"));
  disk.plant.special(`${HOME}/checkpoint.json.tmp`);
  const lost = { firstLostEventId: 1_000, lastLostEventId: 1_001, key: "salvage" };
  disk.plant.file(
    `${HOME}/salvage/pending.json`,
    seal({ format: "worker-runtime/salvage", runtimeId: "t" }, lost),
  );
}

function fillQuarantine(disk: SimulatedDisk): void {
  for (let number = 1; number <= 4; number++) {
    disk.plant.file(`${HOME}/quarantine/00000${number}-old-0-00000000.bin`, bytesOf(`old ${number}`));
  }
  spoil(disk, "workers/a/transcript.jsonl");
}

function beginSegment(disk: SimulatedDisk, firstEventId: number, whole: boolean): void {
  const name = `${String(firstEventId).padStart(16, "0")}.jsonl`;
  const header = segmentHeader("t", firstEventId);
  disk.plant.file(`${HOME}/events/${name}`, whole ? header : header.subarray(0, 0));
}

function beginCreation(disk: SimulatedDisk): void {
  disk.plant.directory(`${HOME}/events`);
  disk.plant.directory(`${HOME}/workers`);
  disk.plant.file(`${HOME}/events/0000000000000001.jsonl`, bytesOf('{"format":'));
  disk.plant.file(`${HOME}/runtime.json`, bytesOf('{"format'));
}
