/**
 * JSON values from callers: validated before they are written, because
 * `JSON.stringify` turns NaN into null, drops undefined and throws late on other
 * values.
 *
 * @module
 */
import { invalidRequest } from "./errors.ts";
import { limits } from "./limits.ts";
import { fitsBytes } from "./text.ts";

/** A JSON value (RFC 8259). */
export type Json = string | number | boolean | null | readonly Json[] | JsonObject;

/** A JSON object. */
export interface JsonObject {
  /** A member. */
  readonly [name: string]: Json;
}

/** Returns true if a value is nested more than `depthMax` levels deep. Descends no further than that. */
export function isDeeperThan(value: unknown, depthMax: number): boolean {
  if (depthMax < 0) return true;
  if (typeof value !== "object" || value === null) return false;
  if (Array.isArray(value)) return value.some((item) => isDeeperThan(item, depthMax - 1));
  for (const name in value) {
    if (isDeeperThan((value as JsonObject)[name], depthMax - 1)) return true;
  }
  return false;
}

/** Remaining budget of JSON bytes. Validation ends when it is used up, before any text is built. */
interface Room {
  bytes: number;
}

/** Returns the issue of `value` as JSON, as "path: problem" with the path within it, or `undefined`. */
function jsonIssue(value: unknown, depth: number, room: Room): string | undefined {
  // Each value takes at least one byte, and so does each UTF-16 unit of a string.
  room.bytes -= typeof value === "string" ? value.length + 2 : 1;
  if (room.bytes < 0) return TOO_LARGE;
  if (depth > limits.jsonDepthMax) return `: nested deeper than ${limits.jsonDepthMax}, or a cycle`;
  switch (typeof value) {
    case "string":
    case "boolean":
      return undefined;
    case "number":
      return Number.isFinite(value) ? undefined : `: ${value} is not a JSON number`;
    case "object":
      return value === null ? undefined : containerIssue(value, depth, room);
    default:
      return `: ${typeof value} is not a JSON value`;
  }
}

const TOO_LARGE = "too large";

/** The issue of a container from that of a part. Its path is built on the way back, as only issues need one. */
function within(part: string, issue: string): string {
  return issue === TOO_LARGE ? issue : `${part}${issue}`;
}

/** The value that `JSON.stringify` writes for a value. */
function asWritten(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  return "toJSON" in value && typeof value.toJSON === "function" ? value.toJSON() : value;
}

function containerIssue(value: object, depth: number, room: Room): string | undefined {
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      const issue = jsonIssue(asWritten(value[index]), depth + 1, room);
      if (issue !== undefined) return within(`[${index}]`, issue);
    }
    return undefined;
  }
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    return `: an instance of ${value.constructor?.name ?? "a class"} is not a JSON value`;
  }
  for (const [name, member] of Object.entries(value)) {
    const written = asWritten(member);
    // As JSON.stringify does, which drops the member.
    if (written === undefined) continue;
    room.bytes -= name.length + 3;
    const issue = jsonIssue(written, depth + 1, room);
    if (issue !== undefined) return within(`.${name}`, issue);
  }
  return undefined;
}

/**
 * Returns the JSON text of a caller's value, as `JSON.stringify` writes it;
 * `undefined` if it takes more than `bytesMax` bytes. Throws `invalid_request`
 * if it is not a JSON value.
 */
export function jsonTextWithin(
  value: unknown,
  action: string,
  name: string,
  bytesMax: number,
): string | undefined {
  const issue = jsonIssue(asWritten(value), 0, { bytes: bytesMax });
  if (issue === TOO_LARGE) return undefined;
  if (issue !== undefined) throw invalidRequest(action, within(name, issue));
  const text = plainLines(JSON.stringify(value));
  return fitsBytes(text, bytesMax) ? text : undefined;
}

/** {@linkcode jsonTextWithin}; throws `invalid_request` if the value is too large, too. */
export function jsonText(value: unknown, action: string, name: string, bytesMax: number): string {
  const text = jsonTextWithin(value, action, name, bytesMax);
  if (text !== undefined) return text;
  throw invalidRequest(action, `${name}: larger than ${bytesMax} bytes as JSON`);
}

/** Returns the JSON text of a caller's object. Throws `invalid_request`. */
export function jsonObjectText(value: unknown, action: string, name: string, bytesMax: number): string {
  const text = jsonText(value, action, name, bytesMax);
  // Of the text: the value may have a toJSON() of its own.
  if (!text.startsWith("{")) throw invalidRequest(action, `${name}: a JSON object is needed`);
  return text;
}

/** Escapes the two line separators that JSON allows and line readers split at. */
export function plainLines(text: string): string {
  if (!text.includes("\u2028") && !text.includes("\u2029")) return text;
  return text.replaceAll("\u2028", "\\u2028").replaceAll("\u2029", "\\u2029");
}

/** Returns the value as text, with the members of every object sorted: equal values give equal texts. */
export function canonicalText(value: unknown): string {
  return JSON.stringify(sorted(value));
}

/** A copy in which the members of every object are sorted. Much faster than a replacer. */
function sorted(value: unknown): unknown {
  const written = asWritten(value);
  if (typeof written !== "object" || written === null) return written;
  if (Array.isArray(written)) return written.map(sorted);
  const members = Object.entries(written).sort(([a], [b]) => a < b ? -1 : 1);
  // fromEntries defines members, so that "__proto__" stays an ordinary name.
  return Object.fromEntries(members.map(([name, member]) => [name, sorted(member)]));
}

/** Freezes a JSON value recursively and returns it. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const member of Object.values(value)) deepFreeze(member);
  }
  return value;
}

/** Applies a JSON Merge Patch (RFC 7396): null removes a member, objects merge, other values replace. */
export function mergePatch(target: Json | undefined, patch: Json): Json {
  if (!isJsonObject(patch)) return patch;
  const result = new Map(isJsonObject(target) ? Object.entries(target) : []);
  for (const [name, member] of Object.entries(patch)) {
    if (member === null) result.delete(name);
    else result.set(name, mergePatch(result.get(name), member));
  }
  return Object.fromEntries(result);
}

/** Returns true if a value is an object in the sense of JSON. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
