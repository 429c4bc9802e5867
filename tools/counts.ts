/**
 * Adds up the JUnit files that `deno task ok --junit DIR` and the reliability suites wrote: one line per test file
 * and run, and the sums over distinct tests as the last line. A test counts as ignored if every run ignored it. A
 * run that failed without a failed test, such as one with a lint error, counts as one failure.
 *
 *     deno run --allow-read tools/counts.ts DIR EXIT_CODE
 *
 * @module
 */
// deno-lint-ignore-file no-console

/** The result of one test. */
export interface Result {
  readonly file: string;
  readonly name: string;
  readonly outcome: "passed" | "failed" | "ignored";
}

/** The results in a JUnit file of Deno. */
export function readResults(xml: string): Result[] {
  return [...xml.matchAll(/<testsuite name="([^"]*)"[^>]*>(.*?)<\/testsuite>/gs)].flatMap(
    ([, file = "", body = ""]) =>
      withoutSteps([...body.matchAll(/<testcase name="([^"]*)"[^>]*>(.*?)<\/testcase>/gs)])
        .map(([, name = "", content = ""]): Result => ({
          file: unescape(file),
          name: unescape(name),
          outcome: /<(failure|error)\b/.test(content)
            ? "failed"
            : /<skipped\b/.test(content)
            ? "ignored"
            : "passed",
        })),
  );
}

const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };

function unescape(text: string): string {
  return text.replaceAll(/&(lt|gt|quot|apos|amp);/g, (_entity, name: string) => ENTITIES[name] ?? "");
}

/** Removes steps: Deno reports them beside their test, but its own summary counts only the test. */
function withoutSteps(tests: RegExpExecArray[]): RegExpExecArray[] {
  const names = new Set(tests.map(([, name]) => name));
  return tests.filter(([, name = ""]) => {
    const parts = name.split(" &gt; ");
    return !parts.some((_, index) => index > 0 && names.has(parts.slice(0, index).join(" &gt; ")));
  });
}

/** Lines of the report on the runs, by name. */
export function report(runs: Readonly<Record<string, readonly Result[]>>, exitCode: number): string[] {
  const outcomes = [...Map.groupBy(Object.values(runs).flat(), keyOf)]
    .map(([key, results]) => [key, new Set(results.map(({ outcome }) => outcome))] as const);
  // Deno also reports tests that a filter excludes as ignored.
  const isIgnored = new Map(outcomes.map(([key, each]) => [key, !each.has("passed") && !each.has("failed")]));
  const lines = Object.entries(runs).flatMap(([run, results]) =>
    [...Map.groupBy(results, ({ file }) => file)].flatMap(([file, ofFile]) => {
      const count = (outcome: Result["outcome"]): number =>
        ofFile.filter((result) => result.outcome === outcome).length;
      const ignored = ofFile.filter((result) => isIgnored.get(keyOf(result))).length;
      if (count("passed") + count("failed") + ignored === 0) return [];
      const counts = `${count("passed")} passed, ${count("failed")} failed, ${ignored} ignored`;
      return [`${run}: ${shorten(file)}: ${counts}`];
    })
  );
  const failed = outcomes.filter(([, each]) => each.has("failed")).length;
  const passed = outcomes.filter(([, each]) => each.has("passed") && !each.has("failed")).length;
  return [...lines, `${passed} passed, ${Math.max(failed, exitCode === 0 ? 0 : 1)} failed`];
}

/** Identity of a test across runs: the reason in an ignored test's name depends on the run. */
function keyOf({ file, name }: Result): string {
  return `${shorten(file)} ${name.replace(/ \(ignored: .*\)$/, "")}`;
}

/** Path from the root of the repository; Deno reports paths relative to its working directory. */
function shorten(name: string): string {
  const root = Deno.realPathSync(`${import.meta.dirname}/..`).slice(1);
  return name.replace(/^(\.\.?\/)+/, "").replace(`${root}/`, "");
}

function main(dir: string, exitCode: number): void {
  const names = [...Deno.readDirSync(dir)].map(({ name }) => name).filter((name) => name.endsWith(".xml"));
  const runs = names.sort().map((name) =>
    [name.slice(0, -".xml".length), readResults(Deno.readTextFileSync(`${dir}/${name}`))] as const
  );
  console.log(report(Object.fromEntries(runs), exitCode).join("\n"));
}

if (import.meta.main) main(Deno.args[0] ?? ".", Number(Deno.args[1] ?? 0));
