import { equal } from "./equal.ts";
import { AssertionError, format, suffix } from "./failure.ts";

/** Asserts that the values are equal, deeply. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  if (equal(actual, expected)) return;
  throw new AssertionError(`Values are not equal${suffix(msg)}\n${diff(format(actual), format(expected))}`);
}

/** Asserts that the values are not equal, deeply. */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  if (!equal(actual, expected)) return;
  throw new AssertionError(
    `Expected actual: ${format(actual)} not to be: ${format(expected)}${suffix(msg)}`,
  );
}

/** Asserts that the values are the same, as `Object.is` sees it. */
export function assertStrictEquals<T>(actual: unknown, expected: T, msg?: string): asserts actual is T {
  if (Object.is(actual, expected)) return;
  const [left, right] = [format(actual), format(expected)];
  throw new AssertionError(
    left === right
      ? `Values have the same structure but are not reference-equal${suffix(msg)}\n\n${left}\n`
      : `Values are not strictly equal${suffix(msg)}\n${diff(left, right)}`,
  );
}

/** The lines between the first and the last difference, with what surrounds them. */
function diff(actual: string, expected: string): string {
  const [left, right] = [actual.split("\n"), expected.split("\n")];
  const head = commonLines(left, right);
  const tail = commonLines(left.slice(head).reverse(), right.slice(head).reverse());
  const mark = (sign: string, lines: string[]): string[] => lines.map((line) => `${sign}   ${line}`);
  return [
    "\n    [Diff] Actual / Expected\n\n",
    ...mark(" ", left.slice(0, head)),
    ...mark("-", left.slice(head, left.length - tail)),
    ...mark("+", right.slice(head, right.length - tail)),
    ...mark(" ", left.slice(left.length - tail)),
  ].join("\n");
}

function commonLines(a: string[], b: string[]): number {
  let count = 0;
  while (count < a.length && count < b.length && a[count] === b[count]) count++;
  return count;
}
