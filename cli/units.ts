/**
 * Human-readable numbers.
 *
 * @module
 */

const BYTE_UNITS: readonly string[] = ["B", "KiB", "MiB", "GiB", "TiB"];
const COUNT_UNITS: readonly string[] = ["", " k", " M", " G", " T"];

/** `512 B`, `1.5 MiB`. */
export function bytes(count: number): string {
  const { value, unit } = scaled(count, 1024, BYTE_UNITS);
  return `${value} ${unit}`;
}

/** `999`, `12.3 k`, `4.5 M`. */
export function amount(count: number): string {
  const { value, unit } = scaled(count, 1000, COUNT_UNITS);
  return `${value}${unit}`;
}

function scaled(count: number, base: number, units: readonly string[]): { value: string; unit: string } {
  let [value, index] = [count, 0];
  // 1023.96 KiB would be rounded to 1024.0 KiB: it is 1.0 MiB.
  while (value >= base - 0.05 && index < units.length - 1) {
    if (index === 0 && value < base) break;
    value /= base;
    index++;
  }
  return { value: index === 0 ? String(value) : value.toFixed(1), unit: units[index] ?? "" };
}

/** `1,234,567`. */
export function whole(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** `$12.30`, `$0.0123`, `$0.000015`. */
export function dollars(costMicroUsd: number): string {
  const value = costMicroUsd / 1_000_000;
  const digits = value === 0 || value >= 1 ? 2 : value >= 0.01 ? 4 : 6;
  return `$${value.toFixed(digits)}`;
}

/** Units of durations, each with the shortest duration that is shown in it. */
const DURATIONS: readonly (readonly [from: number, unitMs: number, unit: string])[] = [
  [172_800_000, 86_400_000, "days"],
  [7_200_000, 3_600_000, "h"],
  [120_000, 60_000, "min"],
  [10_000, 1_000, "s"],
];

/** `350 ms`, `12 s`, `3 min`, `5 h`, `12 days`. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  const [, unitMs, unit] = DURATIONS.find(([from]) => ms >= from) ?? [];
  return unitMs === undefined ? `${(ms / 1_000).toFixed(1)} s` : `${Math.round(ms / unitMs)} ${unit}`;
}

/** `3 min ago`. */
export function ago(at: string, now: number): string {
  const ms = now - Date.parse(at);
  if (Number.isNaN(ms)) return "";
  return ms < 0 ? "just now" : `${duration(ms)} ago`;
}

/** `2026-07-31 12:00:05`, UTC. */
export function time(at: string): string {
  return at.slice(0, 19).replace("T", " ");
}

/** `30d`, `12h`, `90m` or a time, as milliseconds before now; `undefined` for anything else. */
export function parseAge(text: string): number | undefined {
  const [, digits, unit] = /^(\d+)([dhm])$/.exec(text) ?? [];
  if (digits === undefined) return undefined;
  const unitMs = unit === "d" ? 86_400_000 : unit === "h" ? 3_600_000 : 60_000;
  return Number(digits) * unitMs;
}

/** `1 event`, `2 events`. */
export function counted(count: number, noun: string): string {
  return `${whole(count)} ${noun}${count === 1 ? "" : "s"}`;
}
