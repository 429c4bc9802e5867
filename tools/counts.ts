/**
 * Adds up the JUnit files that `deno task ok --junit DIR` left behind: a line for each file of tests, and the
 * sums as the last line. A run that failed without a failed test, such as one with a lint error, counts as one.
 *
 *     deno run --allow-read tools/counts.ts DIR EXIT_CODE
 *
 * @module
 */
// deno-lint-ignore-file no-console

/** How the tests of one file went. */
export interface Counts {
  readonly name: string;
  readonly passed: number;
  readonly failed: number;
  readonly ignored: number;
}

/** The counts in a JUnit file of Deno. */
export function readCounts(xml: string): Counts[] {
  return [...xml.matchAll(/<testsuite name="([^"]*)"[^>]*>(.*?)<\/testsuite>/gs)].map(
    ([, name = "", body = ""]) => {
      const tests = withoutSteps([...body.matchAll(/<testcase name="([^"]*)"[^>]*>(.*?)<\/testcase>/gs)]);
      const count = (pattern: RegExp): number =>
        tests.filter(([, , result = ""]) => pattern.test(result)).length;
      const [failed, ignored] = [count(/<(failure|error)\b/), count(/<skipped\b/)];
      return { name, passed: tests.length - failed - ignored, failed, ignored };
    },
  );
}

/** Deno lists the steps of a test beside it; its own summary counts the test alone. */
function withoutSteps(tests: RegExpExecArray[]): RegExpExecArray[] {
  const names = new Set(tests.map(([, name]) => name));
  return tests.filter(([, name = ""]) => {
    const parts = name.split(" &gt; ");
    return !parts.some((_, index) => index > 0 && names.has(parts.slice(0, index).join(" &gt; ")));
  });
}

/** The report, one item for each line. */
export function report(counts: Counts[], exitCode: number): string[] {
  const sum = (key: "passed" | "failed"): number => counts.reduce((total, file) => total + file[key], 0);
  const failed = Math.max(sum("failed"), exitCode === 0 ? 0 : 1);
  const lines = counts.map((file) =>
    `${shorten(file.name)}: ${file.passed} passed, ${file.failed} failed, ${file.ignored} ignored`
  );
  return [...lines, `${sum("passed")} passed, ${failed} failed`];
}

/** Deno names a file by the way to it from where it ran. */
function shorten(name: string): string {
  const root = Deno.realPathSync(`${import.meta.dirname}/..`).slice(1);
  return name.replace(/^(\.\.?\/)+/, "").replace(`${root}/`, "");
}

function main(dir: string, exitCode: number): void {
  const names = [...Deno.readDirSync(dir)].map(({ name }) => name).filter((name) => name.endsWith(".xml"));
  const counts = names.sort().flatMap((name) => readCounts(Deno.readTextFileSync(`${dir}/${name}`)));
  console.log(report(counts, exitCode).join("\n"));
}

if (import.meta.main) main(Deno.args[0] ?? ".", Number(Deno.args[1] ?? 0));
