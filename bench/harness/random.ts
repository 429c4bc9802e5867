/**
 * Reproducible pseudorandom numbers and texts.
 *
 * @module
 */
import { Random as Source } from "../../testing/random.ts";

/** A source of integers from 0 up to but not including `below`. */
export type Random = (below: number) => number;

/** A source with a seed. */
export function random(seed: number): Random {
  const source = new Source(seed);
  return (below) => source.below(below);
}

/** Sizes of inputs: 200 bytes each, or 50 bytes to 8 KiB, log-uniformly distributed. */
export type Mix = "200 B" | "50 B - 8 KiB";

const TEXTS = 1_024;
const LETTERS = "etaoinshrdlcumwfgypbvk";

/** Contents of inputs, with the sizes of a mix. */
export function texts(mix: Mix): readonly string[] {
  const next = random(mix.length);
  const words = Array.from({ length: 2_000 }, () => word(next));
  return Array.from({ length: TEXTS }, () => text(sizeOf(mix, next), words, next));
}

function sizeOf(mix: Mix, next: Random): number {
  return mix === "200 B" ? 200 : Math.round(50 * (8_192 / 50) ** (next(10_000) / 9_999));
}

function word(next: Random): string {
  return Array.from({ length: 2 + next(8) }, () => LETTERS[next(LETTERS.length)]).join("");
}

/** Prose with quotation marks and line breaks, as in transcripts. */
function text(bytes: number, words: readonly string[], next: Random): string {
  let made = "";
  while (made.length < bytes) {
    const chosen = words[next(words.length)] ?? "";
    made += next(24) === 0 ? `"${chosen}"\n` : `${chosen} `;
  }
  return made.slice(0, bytes);
}
