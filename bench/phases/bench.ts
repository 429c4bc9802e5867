/**
 * What the phases share: amounts, the book, and who takes part.
 *
 * @module
 */
import type { ContenderId } from "../contenders/contender.ts";
import { MeasuringProcess } from "../harness/process.ts";
import type { Amounts } from "../options.ts";
import { type Book, peers } from "../report/book.ts";

/** A run of the benchmark. */
export interface Bench {
  readonly amounts: Amounts;
  readonly book: Book;
  readonly contenders: readonly ContenderId[];
  /** An empty directory for data. */
  readonly root: string;
  /** Tells how far it is. */
  progress(text: string): void;
}

/** Contenders that keep what they are given, and whose answers wait for the device. */
export function durable(bench: Bench): ContenderId[] {
  return bench.contenders.filter((id) => id === "fs" || peers.includes(id));
}

/** Contenders that are this library. */
export function library(bench: Bench): ContenderId[] {
  return bench.contenders.filter((id) => id === "fs" || id === "memory");
}

/** The items, beginning with another one in each round, so that none is always the first. */
export function rotated<Item>(items: readonly Item[], round: number): Item[] {
  const start = round % Math.max(1, items.length);
  return [...items.slice(start), ...items.slice(0, start)];
}

/** An empty directory below the root. */
export function directoryFor(bench: Bench, name: string): string {
  const path = `${bench.root}/${name.replaceAll(" ", "-")}`;
  Deno.mkdirSync(path, { recursive: true });
  return path;
}

/** Waits until the disk is quiet, so that nobody pays for what the one before put off. */
export async function quiet(): Promise<void> {
  if (Deno.build.os !== "windows") await new Deno.Command("sync").output();
  await new Promise((resolve) => setTimeout(resolve, 20));
}

/** Finds out who can be run here; tells why the others cannot. */
export async function available(
  ids: readonly ContenderId[],
  root: string,
): Promise<{ runs: ContenderId[]; missing: Map<ContenderId, string> }> {
  const runs: ContenderId[] = [];
  const missing = new Map<ContenderId, string>();
  for (const id of ids) {
    await using process = await MeasuringProcess.start();
    try {
      await process.do("load", { contender: id });
      await process.do("open", { place: Deno.makeTempDirSync({ dir: root }) });
      await process.do("close", null);
      runs.push(id);
    } catch (error) {
      missing.set(id, error instanceof Error ? error.message : String(error));
    }
  }
  return { runs, missing };
}
