/**
 * Shapes: small validators that compose like a schema. The same shape validates
 * values from callers and stored values. A caller's value must have no unknown
 * members, and its texts must be well-formed and not blank. A stored value may
 * come from a newer version, so the only requirement for unknown members is
 * bounded nesting.
 *
 * Hand-written rather than based on a schema library for speed: an opening
 * validates every event that it replays.
 *
 * @module
 */
import { invalidRequest } from "./errors.ts";
import { isDeeperThan, isJsonObject } from "./json.ts";
import { limits } from "./limits.ts";
import { fitsBytes } from "./text.ts";

/** Origin of a value. */
export type Source = "caller" | "stored";

/** Checks a value; returns each issue as "member: problem", or `undefined` if there is none. */
export type Shape = (value: unknown, source: Source) => readonly string[] | undefined;

/** Issues that are reported; further ones are not looked for. Bytes in place of an object have one per byte. */
const ISSUES_MAX = 20;

/** The issue of a non-blank text of at most `bytesMax` bytes, or `undefined`. */
export function textIssue(value: unknown, bytesMax: number, source: Source): string | undefined {
  if (typeof value !== "string") return "a string is needed";
  if (source === "caller") {
    if (!value.isWellFormed()) return "a well-formed string is needed";
    if (value.trim() === "") return "blank";
  }
  return fitsBytes(value, bytesMax) ? undefined : `longer than ${bytesMax} bytes`;
}

/** A non-blank text. */
export function text(bytesMax: number): Shape {
  return (value, source) => {
    const issue = textIssue(value, bytesMax, source);
    return issue === undefined ? undefined : [issue];
  };
}

/** A safe integer from `min`. */
export function integer(min: number): Shape {
  const issues = [`an integer from ${min} is needed`];
  return (value) => Number.isSafeInteger(value) && (value as number) >= min ? undefined : issues;
}

/** One of some values. */
export function oneOf(...values: readonly unknown[]): Shape {
  const issues = [`one of ${values.map((value) => JSON.stringify(value)).join(", ")} is needed`];
  return (value) => values.includes(value) ? undefined : issues;
}

/** A shape or null. */
export function nullable(shape: Shape): Shape {
  return (value, source) => value === null ? undefined : shape(value, source);
}

/** A member of an object. A class, so that all members share one hidden class in the engine. */
class Member {
  constructor(readonly shape: Shape, readonly isRequired: boolean) {}
}

/** An object with these members, and optionally with some others. */
export function object(
  required: Readonly<Record<string, Shape>>,
  optional: Readonly<Record<string, Shape>> = {},
): Shape {
  const members = new Map<string, Member>();
  for (const [name, shape] of Object.entries(required)) members.set(name, new Member(shape, true));
  for (const [name, shape] of Object.entries(optional)) members.set(name, new Member(shape, false));
  const requiredCount = Object.keys(required).length;
  return (value, source) => {
    if (!isJsonObject(value)) return ["an object is needed"];
    let issues: readonly string[] | undefined;
    let count = 0;
    // Iterates over the present members: looking up absent ones is slower.
    for (const name in value) {
      const member = members.get(name);
      if (member === undefined) {
        issues = joined(issues, name, source === "caller" ? ["unknown member"] : nestingIssues(value[name]));
        if (issues !== undefined && issues.length >= ISSUES_MAX) return issues;
        continue;
      }
      if (member.isRequired) count++;
      else if (value[name] === undefined) continue;
      issues = joined(issues, name, member.shape(value[name], source));
    }
    if (count === requiredCount) return issues;
    const missing = Object.keys(required).filter((name) => !(name in value));
    return [...issues ?? [], ...missing.map((name) => `${name}: missing`)];
  };
}

/** An object whose member `kind` selects its shape. */
export function byKind(shapes: Readonly<Record<string, Shape>>): Shape {
  const kind = oneOf(...Object.keys(shapes));
  return (value, source) => {
    if (!isJsonObject(value)) return ["an object is needed"];
    const issues = kind(value.kind, source);
    return issues === undefined
      ? shapes[value.kind as string]?.(value, source)
      : joined(undefined, "kind", issues);
  };
}

/** A list of at most `itemsMax` items. */
export function list(item: Shape, itemsMax: number = Infinity): Shape {
  return (value, source) => {
    if (!Array.isArray(value)) return ["a list is needed"];
    if (value.length > itemsMax) return [`more than ${itemsMax} items`];
    let issues: readonly string[] | undefined;
    // Not forEach(), which skips holes.
    for (let index = 0; index < value.length; index++) {
      issues = joined(issues, index, item(value[index], source));
    }
    return issues;
  };
}

/** A list of exactly these items. */
export function tuple(...items: readonly Shape[]): Shape {
  return (value, source) => {
    if (!Array.isArray(value)) return ["a list is needed"];
    if (value.length !== items.length) return [`${items.length} items are needed`];
    let issues: readonly string[] | undefined;
    for (let index = 0; index < items.length; index++) {
      issues = joined(issues, index, items[index]?.(value[index], source));
    }
    return issues;
  };
}

/** An object with at most `membersMax` members of one shape, under names of another. */
export function dictionary(name: Shape, member: Shape, membersMax: number): Shape {
  return (value, source) => {
    if (!isJsonObject(value)) return ["an object is needed"];
    const entries = Object.entries(value);
    if (entries.length > membersMax) return [`more than ${membersMax} members`];
    let issues: readonly string[] | undefined;
    for (const [key, item] of entries) {
      issues = joined(issues, key, name(key, source) ?? member(item, source));
    }
    return issues;
  };
}

/** A JSON object that is nested no deeper than allowed. */
export const jsonObject: Shape = (value) =>
  isJsonObject(value) ? nestingIssues(value) : ["an object is needed"];

/** A JSON value that is nested no deeper than allowed. */
export const jsonValue: Shape = (value) => value === undefined ? ["a value is needed"] : nestingIssues(value);

function nestingIssues(value: unknown): readonly string[] | undefined {
  return isDeeperThan(value, limits.jsonDepthMax) ? [`nested deeper than ${limits.jsonDepthMax}`] : undefined;
}

/** Throws `invalid_request` with the issues unless a caller's value has the shape. */
export function assertShape(shape: Shape, value: unknown, action: string): void {
  const issues = shape(value, "caller");
  if (issues !== undefined) throw invalidRequest(action, ...issues);
}

/** Adds the issues of a member, if it has any, to those found before. */
function joined(
  before: readonly string[] | undefined,
  name: string | number,
  found: readonly string[] | undefined,
): readonly string[] | undefined {
  if (found === undefined || before !== undefined && before.length >= ISSUES_MAX) return before;
  const inside = found.map((issue) => /^[^ :]+: /.test(issue) ? `${name}.${issue}` : `${name}: ${issue}`);
  return [...before ?? [], ...inside];
}
