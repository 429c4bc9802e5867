/**
 * Stand-in for `@std/path`: the functions that this project uses, over `node:path`.
 *
 * @module
 */

import * as path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const isWindows = path.sep === "\\";

/** The separator of the running system. */
export const SEPARATOR: "/" | "\\" = path.sep;

/** Joins the parts and normalizes the result. */
export function join(first: string | URL, ...parts: string[]): string {
  return path.join(toPath(first), ...parts);
}

/** Resolves the parts, from right to left, to an absolute path. */
export function resolve(...parts: string[]): string {
  return path.resolve(...parts);
}

/** The path up to its last part. */
export function dirname(file: string | URL): string {
  const dir = path.dirname(toPath(file));
  // Node leaves the separators of `a//b` behind.
  return isWindows ? dir : dir.replace(/(?<=[^])\/+$/, "");
}

/** The last part of the path, without `suffix` if it ends so and is longer. */
export function basename(file: string | URL, suffix = ""): string {
  const whole = toPath(file);
  // The root's name is itself; Node returns an empty string.
  const name = /^\/+$/.test(whole) ? SEPARATOR : path.basename(whole);
  const isLonger = name.length > suffix.length && name.endsWith(suffix);
  return isLonger ? name.slice(0, name.length - suffix.length) : name;
}

/** The extension of the path, with its period, or an empty string. */
export function extname(file: string | URL): string {
  return path.extname(toPath(file));
}

/** The relative path that leads from `from` to `to`. */
export function relative(from: string, to: string): string {
  return path.relative(from, to);
}

/** Whether the path is absolute. */
export function isAbsolute(file: string): boolean {
  return path.isAbsolute(file);
}

/** The path of a `file:` URL. Throws a `TypeError` for any other URL. */
export function fromFileUrl(url: string | URL): string {
  const { protocol, pathname } = new URL(url);
  if (protocol !== "file:") throw new TypeError(`URL must be a file URL: received "${protocol}"`);
  // Unlike Node, the original accepts an encoded slash and a percent sign that encodes nothing.
  return isWindows ? fileURLToPath(url) : decodeURIComponent(pathname.replace(/%(?![0-9A-Fa-f]{2})/g, "%25"));
}

/** The `file:` URL of an absolute path. Throws a `TypeError` for a relative one. */
export function toFileUrl(file: string): URL {
  // Node resolves a relative path instead.
  if (!isAbsolute(file)) throw new TypeError(`Path must be absolute: received "${file}"`);
  if (isWindows) return pathToFileURL(file);
  const url = new URL("file:///");
  const escaped = file.replace(/^\/+/, "/").replace(/%/g, "%25").replace(/\\/g, "%5C");
  url.pathname = escaped.replace(/[\t\n\v\f\r ]/g, encodeURIComponent);
  return url;
}

function toPath(file: string | URL): string {
  return file instanceof URL ? fromFileUrl(file) : file;
}
