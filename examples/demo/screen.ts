/**
 * What the demo shows: text that fits the terminal, colours and a progress bar only where they belong.
 *
 * @module
 */
const encoder = new TextEncoder();
const isTerminal: boolean = Deno.stdout.isTerminal();
const hasColour: boolean = isTerminal && !Deno.noColor;

/** Columns of the terminal. */
export function width(): number {
  return isTerminal ? Math.max(40, Deno.consoleSize().columns) : 100;
}

function styled(code: number): (text: string) => string {
  return (text) => hasColour ? `\x1b[${code}m${text}\x1b[0m` : text;
}

/** Emphasis. */
export const bold: (text: string) => string = styled(1);
/** Less important. */
export const dim: (text: string) => string = styled(2);
/** Good. */
export const green: (text: string) => string = styled(32);
/** Bad. */
export const red: (text: string) => string = styled(31);
/** Worth a look. */
export const yellow: (text: string) => string = styled(33);

function write(text: string): void {
  const bytes = encoder.encode(text);
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}

/** Prints a line. */
export function print(line = ""): void {
  write(`${line}\n`);
}

/** A number for people. */
export function amount(value: number): string {
  return value.toLocaleString("en-US");
}

/** The start of a text, or (`"end"`) its end, in so many columns. */
export function fitted(text: string, columns: number, keep: "start" | "end" = "start"): string {
  const characters = [...text];
  if (characters.length <= columns) return text;
  if (keep === "start") return `${characters.slice(0, columns - 1).join("")}…`;
  return `…${characters.slice(characters.length - columns + 1).join("")}`;
}

/** Rows as a table: the first column gives way to the others, which are numbers. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => [...row[column] ?? ""].length)));
  const others = widths.slice(1).reduce((sum, columns) => sum + columns + 2, 0);
  const first = Math.max(10, Math.min(widths[0] ?? 0, width() - others));
  return all.map((row, index) => {
    const cells = row.map((cell, column) =>
      column === 0 ? fitted(cell, first, "end").padEnd(first) : cell.padStart(widths[column] ?? 0)
    );
    const line = cells.join("  ");
    return index === 0 ? dim(line) : line;
  });
}

/** Shows how far a piece of work is: a bar on a terminal, a line now and then elsewhere. */
export class Progress {
  readonly #total: number;
  #shown = -1;

  constructor(total: number) {
    this.#total = total;
  }

  /** So much is done. */
  show(done: number, label: string): void {
    const share = this.#total === 0 ? 1 : done / this.#total;
    const text = `${String(done).padStart(String(this.#total).length)} of ${this.#total} files`;
    if (!isTerminal) return this.#line(share, text, label);
    const columns = Math.max(10, Math.min(40, width() - text.length - label.length - 6));
    const full = Math.round(columns * share);
    const bar = green("█".repeat(full)) + dim("░".repeat(columns - full));
    write(`\r\x1b[2K${bar}  ${text}  ${dim(label)}`);
  }

  /** Leaves the bar's line. */
  end(): void {
    if (isTerminal) write("\n");
  }

  #line(share: number, text: string, label: string): void {
    const step = Math.floor(share * 4);
    if (step === this.#shown) return;
    this.#shown = step;
    print(`  ${text}  ${label}`);
  }
}
