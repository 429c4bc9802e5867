/**
 * File names for ids. `[a-z0-9_-]` are kept, every other byte of the UTF-8 becomes
 * `~xx`: reversible, unambiguous on case-insensitive disks, never a path, never a
 * name that Windows reserves, at most 240 characters.
 *
 * @module
 */
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const PLAIN = /^[a-z0-9_-]$/;
const RESERVED = /^(?:con|prn|aux|nul|com[0-9]|lpt[0-9])$/;

/** Returns the file name of an id. */
export function encodeName(id: string): string {
  let name = "";
  for (const byte of encoder.encode(id)) {
    const char = String.fromCharCode(byte);
    name += PLAIN.test(char) ? char : escaped(byte);
  }
  return RESERVED.test(name) ? escaped(name.charCodeAt(0)) + name.slice(1) : name;
}

/** Returns the id of a file name, or `undefined` if no id has this name. */
export function decodeName(name: string): string | undefined {
  const bytes: number[] = [];
  for (const [part, hex] of name.matchAll(/~([0-9a-f]{2})|[^]/g)) {
    bytes.push(hex === undefined ? part.charCodeAt(0) : parseInt(hex, 16));
  }
  try {
    const id = decoder.decode(Uint8Array.from(bytes));
    return encodeName(id) === name ? id : undefined;
  } catch {
    return undefined;
  }
}

function escaped(byte: number): string {
  return `~${byte.toString(16).padStart(2, "0")}`;
}
