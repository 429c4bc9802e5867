/**
 * Makes nonsense: JSON that is mutated as text and as a value. Deterministic
 * for a source of random numbers.
 *
 * @module
 */
import type { Random } from "../../disk/mod.ts";

/** A value that may be changed in place. */
type Container = Record<string, unknown> | unknown[];

/** Placeholder for a text that JSON.stringify() would not write. */
const RAW = "\uE000raw:";
const DEPTH = 5_000;

/** Texts that no value has after JSON.stringify(): deep nesting, huge numbers, lone surrogates. */
const raws: readonly string[] = [
  `${"[".repeat(DEPTH)}${"]".repeat(DEPTH)}`,
  `${'{"a":'.repeat(DEPTH)}1${"}".repeat(DEPTH)}`,
  "1e999",
  "-0",
  "1e3",
  "9007199254740993",
  '"\\ud800"',
  '{"__proto__":{"workerId":"polluted","status":"polluted"}}',
  '{"constructor":{"prototype":{"polluted":1}}}',
];

const values: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  -2,
  1,
  1.5,
  2 ** 31,
  Number.MAX_SAFE_INTEGER,
  2 ** 53,
  1e308,
  "",
  " ",
  "1",
  "zombie",
  "never",
  "alpha",
  "\u2028\u2029",
  "\u0000\u0085",
  "e\u0301",
  "../../etc/passwd",
  "__proto__",
  "x".repeat(300),
  "字".repeat(4_000),
  [],
  [null],
  [1, "a", {}],
  {},
  { length: 3 },
  { kind: "task" },
  { role: "user", content: 1 },
];

const names: readonly string[] = [
  "__proto__",
  "toJSON",
  "length",
  "then",
  "kind",
  "entries",
  "count",
  "\u2028",
  "",
];

/** The text of a value after one change somewhere inside it. */
export function mutatedValue(random: Random, json: string): string {
  const value: unknown = JSON.parse(json);
  if (typeof value !== "object" || value === null) return JSON.stringify(nonsense(random));
  mutate(random, value as Container);
  return textOf(value);
}

/** A text with an additional, unknown member; everything must accept it. Entries stay the last member of an event. */
export function extended(random: Random, json: string): string {
  const member = `,"x${random.below(1_000)}":${JSON.stringify(random.pick(values))}`;
  const entriesAt = json.indexOf(',"entries":[{"role"');
  const at = entriesAt === -1 ? json.length - 1 : entriesAt;
  return json.slice(0, at) + member + json.slice(at);
}

/** A text with a duplicate member. */
export function doubled(random: Random, json: string): string {
  const value: Record<string, unknown> = JSON.parse(json);
  const name = random.pick(Object.keys(value));
  return `${json.slice(0, -1)},${JSON.stringify(name)}:${textOf(nonsense(random))}}`;
}

/** A text with its members in another order. */
export function reordered(random: Random, json: string): string {
  const entries = Object.entries(JSON.parse(json));
  const at = random.below(entries.length);
  return JSON.stringify(Object.fromEntries([...entries.slice(at), ...entries.slice(0, at)]));
}

/** A value of a kind that is rarely right. */
export function nonsense(random: Random): unknown {
  return random.chance(0.25) ? RAW + random.below(raws.length) : structuredClone(random.pick(values));
}

function mutate(random: Random, value: Container): void {
  const entries = Object.entries(value);
  const inner = entries.filter(([, member]) => typeof member === "object" && member !== null);
  if (inner.length > 0 && random.chance(0.5)) return mutate(random, random.pick(inner)[1] as Container);
  const name = entries.length === 0 ? "0" : random.pick(entries)[0];
  const kind = random.below(10);
  if (kind < 6) put(value, name, nonsense(random));
  else if (kind < 8) Array.isArray(value) ? value.splice(Number(name), 1) : delete value[name];
  else if (Array.isArray(value)) value.push(nonsense(random));
  else put(value, random.pick(names), nonsense(random));
}

/** Also `__proto__` is an ordinary name here. */
function put(value: Container, name: string, member: unknown): void {
  Object.defineProperty(value, name, { value: member, enumerable: true, configurable: true, writable: true });
}

/** The text of a value with its raw texts put in. */
function textOf(value: unknown): string {
  const text = JSON.stringify(value).replaceAll("\u2028", "\\u2028").replaceAll("\u2029", "\\u2029");
  return text.replaceAll(new RegExp(`"${RAW}(\\d+)"`, "g"), (_, index) => raws[Number(index)] ?? "null");
}
