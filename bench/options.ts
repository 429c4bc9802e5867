/**
 * How much is measured, and what the command line says.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { type ContenderId, contenderIds } from "./contenders/contender.ts";
import type { Mix } from "./harness/random.ts";

/** Callers and what they send. */
export interface LoadOption {
  readonly id: string;
  readonly title: string;
  readonly callers: number;
  readonly mix: Mix;
}

/** The loads, in the order of the tables. */
export const loads: readonly LoadOption[] = [
  { id: "1", title: "1 caller", callers: 1, mix: "200 B" },
  { id: "64", title: "64 callers", callers: 64, mix: "200 B" },
  { id: "1024", title: "1,024 callers", callers: 1_024, mix: "200 B" },
  { id: "mix64", title: "64, 50 B - 8 KiB", callers: 64, mix: "50 B - 8 KiB" },
];

/** A history to open and to read: so many events of so many workers. */
export interface Stage {
  readonly id: string;
  readonly workers: number;
  readonly events: number;
}

/** Amounts of a run. */
export interface Amounts {
  /** Rounds of inputs, stalls and watching. */
  readonly rounds: number;
  /** One window of callers. */
  readonly windowMs: number;
  readonly workers: number;
  readonly stages: readonly Stage[];
  /** Rounds of opening and reading. */
  readonly stageRounds: number;
  /** Rounds of inputs on top of a history. */
  readonly growthRounds: number;
  /** Warm reads of a kind, per round. */
  readonly reads: number;
  /** Cold reads of a kind, per round. */
  readonly coldReads: number;
  /** Deno KV is so slow to fill that its histories end here; with 0 it has none. */
  readonly kvEventsMax: number;
  /** Events of a peer that is killed. */
  readonly killEvents: number;
  /** Kills of a contender. */
  readonly killRounds: number;
  /** Rounds on a PostgreSQL server. */
  readonly databaseRounds: number;
  /** Entries of the transcripts that are read there. */
  readonly entries: number;
}

/** What the command line says. */
export interface Options {
  readonly mode: "quick" | "default" | "full";
  readonly amounts: Amounts;
  readonly contenders: readonly ContenderId[];
  /** True to measure the PostgreSQL store, beside hand-written INSERTs. */
  readonly postgres: boolean;
  /** Where the JSON goes; `-` is standard output. */
  readonly json: string | undefined;
  /** Where the data goes while it runs. */
  readonly directory: string | undefined;
}

/** Name of all contenders on a PostgreSQL server. */
const POSTGRES = "postgres";

/** How to call the benchmark. */
export const usage: string =
  `Usage: deno task bench [--quick | --full] [--json [FILE]] [--dir DIRECTORY] [--only NAME,NAME...]

  --quick  about two minutes instead of ten: a tenth of the history, shorter windows, fewer rounds
  --full   adds a history of ten times the events, for the file system store
  --json   writes every measure, ratio and goal to a file, or without one to standard output (tables then go to standard
           error)
  --dir    puts the data into this directory instead of the system's one for temporary files
  --only   runs some of: ${[...contenderIds, POSTGRES].join(", ")}`;

/** Reads the command line. Throws a TypeError when it makes no sense. */
export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: args.map((arg, index) => arg === "--json" && isAlone(args[index + 1]) ? "--json=-" : arg),
    options: {
      quick: { type: "boolean", default: false },
      full: { type: "boolean", default: false },
      json: { type: "string" },
      dir: { type: "string" },
      only: { type: "string" },
    },
  });
  const mode = values.quick ? "quick" : values.full ? "full" : "default";
  return {
    mode,
    amounts: amounts(mode),
    ...chosen(values.only),
    json: values.json,
    directory: values.dir,
  };
}

/** Whether an option has no value: nothing but another option follows. */
function isAlone(next: string | undefined): boolean {
  return next === undefined || next.startsWith("--");
}

function chosen(only: string | undefined): Pick<Options, "contenders" | "postgres"> {
  if (only === undefined) return { contenders: contenderIds, postgres: true };
  const names = only.split(",");
  const unknown = names.filter((name) => name !== POSTGRES && !contenderIds.some((id) => id === name));
  if (unknown.length > 0) throw new TypeError(`Unknown contenders: ${unknown.join(", ")}`);
  return { contenders: contenderIds.filter((id) => names.includes(id)), postgres: names.includes(POSTGRES) };
}

function amounts(mode: Options["mode"]): Amounts {
  const quick = mode === "quick";
  return {
    rounds: quick ? 2 : 5,
    windowMs: quick ? 250 : 1_000,
    workers: 1_000,
    stages: stages(mode),
    stageRounds: quick ? 2 : 3,
    growthRounds: quick ? 1 : 3,
    reads: quick ? 100 : 250,
    coldReads: quick ? 3 : 8,
    kvEventsMax: quick ? 0 : 100_000,
    killEvents: quick ? 10_000 : 100_000,
    killRounds: quick ? 1 : 3,
    databaseRounds: quick ? 2 : 7,
    entries: quick ? 1_000 : 10_000,
  };
}

/** The histories of a mode. */
function stages(mode: Options["mode"]): Stage[] {
  const shortest = mode === "quick" ? 1_000 : 10_000;
  const history = (id: string, times: number): Stage => ({ id, workers: 1_000, events: times * shortest });
  const all = [
    { id: "empty", workers: 0, events: 0 },
    history("1x", 1),
    history("10x", 10),
    history("100x", 100),
  ];
  if (mode === "quick") return all;
  all.push({ id: "few workers", workers: 100, events: 10 * shortest });
  all.push({ id: "many workers", workers: 10_000, events: 10 * shortest });
  return mode === "full" ? [...all, history("1000x", 1_000)] : all;
}
