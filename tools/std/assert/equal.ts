type Loose = Record<PropertyKey, unknown>;

/** Whether the values are equal, deeply; `NaN` equals itself, and 0 equals -0. */
export function equal(a: unknown, b: unknown): boolean {
  return compare(a, b, new Map());
}

/** `seen` holds the pairs under comparison: meeting one again is a cycle that both share. */
function compare(a: unknown, b: unknown, seen: Map<unknown, unknown>): boolean {
  if (a === b || Object.is(a, b)) return true;
  if (!isObject(a) || !isObject(b) || !samePrototype(a, b)) return false;
  if (a instanceof Date) return Object.is(a.getTime(), (b as unknown as Date).getTime());
  if (a instanceof RegExp || a instanceof URL) return String(a) === String(b);
  if (a instanceof WeakMap || a instanceof WeakSet) {
    throw new TypeError(`Cannot compare ${a.constructor.name} instances`);
  }
  if (isBytes(a)) return compareBytes(a, b as unknown as ArrayBufferView);
  if (seen.get(a) === b) return true;
  if (Object.keys(a).length !== Object.keys(b).length) return false;
  seen.set(a, b);
  return isKeyed(a) ? compareKeyed(a, b as unknown as typeof a, seen) : compareProperties(a, b, seen);
}

function isObject(value: unknown): value is Loose {
  return typeof value === "object" && value !== null;
}

/** An object without a prototype counts as a plain one. */
function samePrototype(a: object, b: object): boolean {
  const [left, right] = [a, b].map((value) => Object.getPrototypeOf(value) ?? Object.prototype);
  return left === right;
}

function isBytes(value: unknown): value is ArrayBufferView | ArrayBuffer {
  return ArrayBuffer.isView(value) || value instanceof ArrayBuffer;
}

function compareBytes(a: ArrayBufferView | ArrayBuffer, b: ArrayBufferView | ArrayBuffer): boolean {
  const [left, right] = [a, b].map((value) =>
    ArrayBuffer.isView(value)
      ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
      : new Uint8Array(value)
  ) as [Uint8Array, Uint8Array];
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}

function isKeyed(value: unknown): value is Map<unknown, unknown> | Set<unknown> {
  return value instanceof Map || value instanceof Set;
}

/** In any order. Both sides give pairs; in a set each value is its own key. */
function compareKeyed(
  a: Map<unknown, unknown> | Set<unknown>,
  b: Map<unknown, unknown> | Set<unknown>,
  seen: Map<unknown, unknown>,
): boolean {
  const rest = [...b.entries()];
  return a.size === b.size && [...a.entries()].every((pair) => {
    const index = rest.findIndex((other) => compare(pair, other, new Map(seen)));
    return index >= 0 && rest.splice(index, 1).length === 1;
  });
}

/** Own properties of plain objects and arrays; those of classes with what they inherit, such as getters. */
function compareProperties(a: Loose, b: Loose, seen: Map<unknown, unknown>): boolean {
  const keys = new Set([...keysDeep(a), ...keysDeep(b)]);
  return [...keys].every((key) => key in a === key in b && compare(a[key], b[key], seen));
}

function keysDeep(value: object | null): PropertyKey[] {
  const isBase = value === null || value === Object.prototype || value === Array.prototype;
  return isBase ? [] : [...Reflect.ownKeys(value), ...keysDeep(Object.getPrototypeOf(value))];
}
