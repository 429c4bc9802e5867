/**
 * A file to which the suite and all its processes append lines. Each line is one
 * write at the end of the file, so that their order is that of the writes: a line
 * that was written before another one began is above it.
 *
 * @module
 */
import { BrokenOracle } from "../suite.ts";

/** A line: who wrote it, what happened, and the rest. */
export interface Line {
  readonly name: string;
  readonly word: string;
  readonly args: readonly string[];
}

const POLL_MS = 10;
/** Limit of every wait, on a busy machine too. */
const WAIT_MS_MAX = 180_000;

/** The journal of a case. */
export class Journal {
  /** Its file. */
  readonly path: string;
  /** Lines read so far. */
  readonly lines: Line[] = [];
  readonly #caseName: string;
  readonly #file: Deno.FsFile;
  readonly #decoder = new TextDecoder();
  readonly #buffer = new Uint8Array(262_144);
  #rest = "";

  /** Creates the file. */
  constructor(path: string, caseName: string) {
    this.path = path;
    this.#caseName = caseName;
    this.#file = Deno.openSync(path, { create: true, append: true, read: true });
  }

  /** Appends a line of the suite. */
  mark(word: string, ...args: readonly (string | number)[]): void {
    this.#file.writeSync(new TextEncoder().encode(`suite ${[word, ...args].join(" ")}\n`));
  }

  /** Reads what was appended. Throws {@linkcode BrokenOracle} if a process reports a finding. */
  read(): void {
    for (;;) {
      // A file that is open for appending has one position, which each write moves.
      this.#file.seekSync(this.#position, Deno.SeekMode.Start);
      const count = this.#file.readSync(this.#buffer) ?? 0;
      if (count === 0) return;
      this.#position += count;
      const text = this.#rest + this.#decoder.decode(this.#buffer.subarray(0, count), { stream: true });
      const texts = text.split("\n");
      this.#rest = texts.pop() ?? "";
      for (const each of texts) this.#add(each);
    }
  }

  /** Waits until a line after the first `from` ones fits. Returns its index. */
  async until(what: string, from: number, fits: (line: Line) => boolean): Promise<number> {
    let at = from;
    const found = await this.eventually(what, () => {
      while (at < this.lines.length && !fits(this.lines[at] as Line)) at++;
      return at < this.lines.length;
    });
    return found ? at : -1;
  }

  /** Waits until a condition on the lines holds. */
  async eventually(what: string, holds: () => boolean | Promise<boolean>): Promise<boolean> {
    // Ticks are counted, because a machine may be suspended.
    for (let waited = 0; waited < WAIT_MS_MAX; waited += POLL_MS) {
      this.read();
      if (await holds()) return true;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    const last = this.lines.slice(-8).map(({ name, word, args }) => [name, word, ...args].join(" "));
    throw new BrokenOracle(
      "I7",
      this.#caseName,
      `${what}: not in time; the last lines are\n${last.join("\n")}`,
    );
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }

  #position = 0;

  #add(text: string): void {
    const [name = "", word = "", ...args] = text.split(" ");
    if (word === "broken") throw new BrokenOracle("I7", this.#caseName, `${name}: ${args.join(" ")}`);
    this.lines.push({ name, word, args });
  }
}
