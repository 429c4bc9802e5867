/**
 * Decisions about the state after a power cut. Building a crash state asks one
 * question after the other ("did this operation persist?", "which version of this
 * sector?"); alternative 0 is always the oldest one, the last the newest.
 *
 * @module
 */
import type { Random } from "../kit/random.ts";

/** Answers a question with this many alternatives (at least two) with one of 0, 1, ... */
export type Choose = (alternatives: number) => number;

/** Nothing unsynced has reached the medium. */
export const loseAll: Choose = () => 0;

/** Everything unsynced has reached the medium. */
export const keepAll: Choose = (alternatives) => alternatives - 1;

/** Random answers; `bias` is the chance of the newest alternative, the rest is even. */
export function chooseRandomly(random: Random, bias = 0.5): Choose {
  return (alternatives) => random.chance(bias) ? alternatives - 1 : random.below(alternatives);
}

/** Repeats recorded answers; questions beyond them get the oldest alternative. */
export function replay(answers: readonly number[]): Choose {
  let next = 0;
  return (alternatives) => Math.min(answers[next++] ?? 0, alternatives - 1);
}

/** The answers of `choose`, but another one to the question number `position` (from 0). */
export function exceptAt(choose: Choose, position: number): Choose {
  let next = 0;
  return (alternatives) => {
    const usual = choose(alternatives);
    return next++ === position ? alternatives - 1 - usual : usual;
  };
}

/** Result of a sequence of answers. */
export interface Outcome<T> {
  readonly result: T;
  readonly answers: readonly number[];
}

/** Calls `build` with every sequence of answers once, even where later questions depend on earlier answers. */
export function* enumerate<T>(build: (choose: Choose) => T): Generator<Outcome<T>> {
  const sequence = new Sequence();
  do {
    yield { result: build(sequence.choose), answers: sequence.answers.slice() };
  } while (sequence.advance());
}

/** Calls `build` with the chooser and notes its answers. */
export function record<T>(choose: Choose, build: (choose: Choose) => T): Outcome<T> {
  const answers: number[] = [];
  const result = build((alternatives) => {
    const answer = choose(alternatives);
    answers.push(answer);
    return answer;
  });
  return { result, answers };
}

/** A number with digits of different bases, which are learnt as they are asked for. */
class Sequence {
  readonly answers: number[] = [];
  readonly #alternatives: number[] = [];
  #next = 0;

  readonly choose: Choose = (alternatives) => {
    const position = this.#next++;
    if (position === this.answers.length) {
      this.answers.push(0);
      this.#alternatives.push(alternatives);
    }
    return this.answers[position] ?? 0;
  };

  /** Advances to the next sequence; `false` after the last. */
  advance(): boolean {
    this.#next = 0;
    while (this.answers.length > 0) {
      const answer = (this.answers.pop() ?? 0) + 1;
      if (answer < (this.#alternatives.at(-1) ?? 0)) {
        this.answers.push(answer);
        return true;
      }
      this.#alternatives.pop();
    }
    return false;
  }
}
