// House style of the code, and facts in the documentation that can be checked automatically.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { parse } from "@std/jsonc";
import { fromFileUrl, join } from "@std/path";
import { limits } from "../mod.ts";
import { eventShapes } from "../src/core/shapes.ts";
import { defaultConfig } from "../src/fs/place/config.ts";
import { tailTable } from "../src/fs/log/tail_table.ts";
import { suites } from "./torture/suites.ts";
import config from "../deno.json" with { type: "json" };

const root = fromFileUrl(new URL("..", import.meta.url));
const ignore = Deno.permissions.querySync({ name: "read" }).state !== "granted";
const options = { permissions: { read: true }, ignore } as const;

/** Lines of code that a file may have, without comments and blank lines. */
const CODE_LINES_MAX = 400;
/** Budget of a file; at least half of the files are within it. */
const CODE_LINES_BUDGET = 100;
const FUNCTION_LINES_MAX = 70;
const README_LINES_MAX = 150;

function read(path: string): string {
  return Deno.readTextFileSync(join(root, path));
}

/** Files below a directory with one of these endings, relative to the repository. */
function filesIn(directory: string, ...endings: readonly string[]): string[] {
  if (ignore) return [];
  return [...Deno.readDirSync(join(root, directory))].flatMap(({ name, isDirectory }) => {
    const path = directory === "." ? name : `${directory}/${name}`;
    if (isDirectory) {
      return /^(\.git|node_modules|coverage|data)$/.test(name) ? [] : filesIn(path, ...endings);
    }
    return endings.some((ending) => name.endsWith(ending)) ? [path] : [];
  }).sort();
}

const shipped = ["src", "cli", "testing"].flatMap((directory) => filesIn(directory, ".ts"));
const programs = [
  ...shipped,
  ...["bench", "examples", "tools"].flatMap((directory) => filesIn(directory, ".ts")),
];
const pages = filesIn(".", ".md");

function codeLines(text: string): number {
  const code = text.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/^\s*\/\/.*$/gm, "");
  return code.split("\n").filter((line) => line.trim() !== "").length;
}

Deno.test("no file is longer than the limit, and most are within the budget", options, () => {
  const counts = programs.map((path) => [codeLines(read(path)), path] as const);
  assertEquals(counts.filter(([lines]) => lines > CODE_LINES_MAX), []);
  const within = counts.filter(([lines]) => lines <= CODE_LINES_BUDGET).length;
  assert(
    within * 2 > counts.length,
    `${within} of ${counts.length} files are within ${CODE_LINES_BUDGET} lines`,
  );
});

/** Findings in the syntax tree of a file. */
interface Found {
  readonly longFunctions: string[];
  readonly messages: string[];
  readonly unreadable: string[];
}

type Node = { readonly type: string; readonly range: [number, number] };

/** Text of a message, with `…` for each value; undefined if it is not a literal. */
function messageOf(node: unknown, text: string): string | undefined {
  const { type, range, value, quasis } = node as Node & { value?: unknown; quasis?: { cooked: string }[] };
  if (type === "Literal") return typeof value === "string" ? value : undefined;
  if (type === "TemplateLiteral") return quasis?.map(({ cooked }) => cooked).join("…");
  if (type !== "BinaryExpression") return undefined;
  const { left, right } = node as unknown as { left: unknown; right: unknown };
  const parts = [left, right].map((part) => messageOf(part, text) ?? "…");
  return range[1] > range[0] ? parts.join("") : undefined;
}

function inspect(path: string): Found {
  const text = read(path);
  const found: Found = { longFunctions: [], messages: [], unreadable: [] };
  const named: { name: string; message: string; at: number }[] = [];
  const later: { name: string; at: number }[] = [];
  const measure = (node: Node): void => {
    const lines = text.slice(...node.range).split("\n").length;
    // A list of tests of the conformance suite; each of them is a function of its own.
    const isList = /\btest: Register\b/.test(text.slice(...node.range).split("\n")[0] ?? "");
    if (lines > FUNCTION_LINES_MAX && !isList) {
      found.longFunctions.push(
        `${path}: ${lines} lines from ${text.slice(node.range[0], node.range[0] + 60)}`,
      );
    }
  };
  const create = (node: Deno.lint.NewExpression): void => {
    const { callee } = node;
    const name = callee.type === "Identifier" ? callee.name : "";
    const index = name === "RuntimeError" ? 1 : /^(Type|Range)?Error$/.test(name) ? 0 : -1;
    const argument = node.arguments[index];
    if (argument === undefined) return;
    const message = messageOf(argument, text);
    if (message !== undefined) found.messages.push(message);
    else if (argument.type === "Identifier") later.push({ name: argument.name, at: node.range[0] });
    else found.unreadable.push(`${path}: ${text.slice(...argument.range)}`);
  };
  const plugin: Deno.lint.Plugin = {
    name: "tidy",
    rules: {
      look: {
        create: () => ({
          FunctionDeclaration: measure,
          FunctionExpression: measure,
          ArrowFunctionExpression: measure,
          NewExpression: create,
          VariableDeclarator: ({ id, init }) => {
            const message = init === null ? undefined : messageOf(init, text);
            if (id.type !== "Identifier" || message === undefined) return;
            named.push({ name: id.name, message, at: id.range[0] });
          },
        }),
      },
    },
  };
  Deno.lint.runPlugin(plugin, path, text);
  for (const { name, at } of later) {
    // The nearest declaration above; a parameter has none, and its message is built elsewhere.
    const message = named.findLast((each) => each.name === name && each.at < at)?.message;
    if (message !== undefined) found.messages.push(message);
  }
  return found;
}

Deno.test("no function is longer than the limit", options, () => {
  assertEquals(programs.flatMap((path) => inspect(path).longFunctions), []);
});

Deno.test("every error message states the operation that failed and the reason", options, () => {
  // The conformance suite is excluded: it throws values that its tests expect to catch.
  const found = ["src", "cli"].flatMap((directory) => filesIn(directory, ".ts")).map(inspect);
  const messages = found.flatMap((each) => each.messages);
  assert(messages.length > 50, `${messages.length} messages`);
  // The second form is the platform's, for errors that the store raises in its place.
  const grammar = /^Cannot [a-z…][^]*: [^A-Z ]([^]*[^.])?$|^E[A-Z]+: [a-z ]+$/;
  assertEquals(messages.filter((message) => !grammar.test(message)), []);
  assertEquals(found.flatMap((each) => each.unreadable), []);
});

Deno.test("no comment marks unfinished work", options, () => {
  const marks = /\b(?:TODO|FIXME|XXX|HACK)\b/;
  const marked = [...programs, ...filesIn("tests", ".ts")].filter((path) => {
    const comments = [...read(path).matchAll(/^\s*(?:\/\/|\*|\/\*\*).*$/gm)].join("\n");
    return marks.test(comments);
  });
  assertEquals(marked, []);
});

Deno.test("comments begin with a noun or a verb", options, () => {
  const question = /(?:\/\/|\/\*\*)[\s*]*(?:What|Whether|Where|How|Why)\b.*/g;
  const found = ["src", "cli", "testing"].flatMap((folder) => filesIn(folder, ".ts"))
    .flatMap((path) => [...read(path).matchAll(question)].map(([comment]) => `${path}: ${comment}`));
  assertEquals(found, []);
});

Deno.test("the core and the suite use nothing that Node 20 or a browser lacks", options, () => {
  const syntax = /^\s*(?:await )?using \w/m;
  const lacking =
    /\bPromise\.withResolvers\b|\bawait using\b|^\s*using \w|\bArray\.fromAsync\b|\.toHex\(|node:/m;
  const paths = [
    ...filesIn("src/core", ".ts"),
    ...filesIn("src/memory", ".ts"),
    ...filesIn("testing", ".ts"),
  ];
  const code = (path: string): string =>
    read(path).replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/\/\/.*$/gm, "");
  assertEquals(paths.filter((path) => lacking.test(code(path))), []);
  // The file system store runs on Deno only, but other runtimes must be able to parse it and get its TypeError.
  const forDeno = [...filesIn("src/fs", ".ts"), ...filesIn("src/operate", ".ts")];
  assertEquals(forDeno.filter((path) => syntax.test(code(path))), []);
});

/** Cells of the first table after a heading or another text. */
function rowsAfter(page: string, text: string): string[][] {
  const from = page.indexOf(text);
  assert(from >= 0, text);
  const lines = page.slice(from).split("\n");
  const start = lines.findIndex((line) => line.startsWith("|"));
  const length = lines.slice(start).findIndex((line) => !line.startsWith("|"));
  return lines.slice(start + 2, length === -1 ? undefined : start + length)
    .map((line) => line.slice(1, -1).split(/(?<!\\)\|/).map((cell) => cell.trim()));
}

const names = (cell = ""): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name);
const number = (cell = ""): number => Number(cell.replaceAll(",", ""));

Deno.test("docs/limits.md lists every limit with its value", options, () => {
  const rows = rowsAfter(read("docs/limits.md"), "# Limits");
  assertEquals(rows.map(([name, value]) => [names(name)[0], number(value)]), Object.entries(limits));
  const source = read("src/core/limits.ts");
  for (const name of Object.keys(limits)) {
    assert(new RegExp(`/\\*\\* [^\\n]+ \\*/\\n {2}${name}:`).test(source), `${name} has a comment`);
  }
});

Deno.test("docs/limits.md lists the defaults of the configuration", options, () => {
  const page = read("docs/limits.md");
  const rows = rowsAfter(page, "## Configuration");
  assertEquals(Object.fromEntries(rows.map(([name, value]) => [names(name)[0], number(value)])), {
    ...defaultConfig.limits,
  });
  const [, example = ""] = /```jsonc\n([^]*?)```/.exec(page) ?? [];
  const { durability, limits: shown } = parse(example) as Record<string, unknown>;
  assertEquals({ durability, limits: shown }, { ...defaultConfig });
});

Deno.test("README.md's guarantees have the limits of the code", options, () => {
  const text = read("README.md").replaceAll(/\s+/g, " ");
  assertStringIncludes(text, `The last ${limits.keysKept.toLocaleString("en")} keys of a worker are kept`);
  for (const path of ["README.md", "docs/limits.md"]) {
    const lost = `a power cut may take up to the last ${limits.batchUnitsMax / 1_048_576} MiB`;
    assertStringIncludes(read(path).replaceAll(/\s+/g, " "), lost, path);
  }
});

Deno.test("README.md is short", options, () => {
  const lines = read("README.md").trimEnd().split("\n").length;
  assert(lines <= README_LINES_MAX, `${lines} lines`);
});

/** Names of the members of a type or interface in a source file. */
function membersOf(path: string, start: string, pattern: RegExp): string[] {
  const text = read(path);
  const from = text.indexOf(start);
  assert(from >= 0, start);
  const end = text.slice(from).search(/\n}/);
  return [...text.slice(from, from + end + 1).matchAll(pattern)].map(([, name = ""]) => name);
}

Deno.test("docs/errors.md and docs/diagnostics.md list every code", options, () => {
  const errors = membersOf(
    "src/core/errors.ts",
    "export interface RuntimeErrorDetails",
    /^ {2}readonly (\w+):/gm,
  );
  const listed = rowsAfter(read("docs/errors.md"), "# Errors").flatMap(([cell]) => names(cell));
  assertEquals(listed.sort(), errors.sort());
  assert(errors.length > 20);
  const text = read("src/core/diagnostics.ts");
  const from = text.indexOf("export type DiagnosticCode");
  const codes = [...text.slice(from, text.indexOf('";', from) + 1).matchAll(/\| "(\w+)"/g)].map((
    [, code = ""],
  ) => code);
  assert(codes.length > 15);
  const rows = rowsAfter(read("docs/diagnostics.md"), "# Diagnostics").flatMap(([cell]) => names(cell));
  assertEquals(codes.filter((code) => !rows.includes(code)), []);
});

Deno.test("README.md lists every entry point", options, () => {
  const rows = rowsAfter(read("README.md"), "| entry point");
  const expected = Object.keys(config.exports).map((name) => name.replace(".", config.name));
  assertEquals(rows.map(([cell]) => names(cell)[0]).sort(), expected.sort());
});

Deno.test("docs/testing.md lists every reliability suite", options, () => {
  const rows = rowsAfter(read("docs/testing.md"), "## Suites").flatMap(([cell]) => names(cell));
  assertEquals(rows.sort(), suites.map(({ name }) => name).sort());
});

Deno.test("every entry point has documentation with an example that runs", options, () => {
  for (const path of Object.values(config.exports)) {
    const [head = ""] = /\/\*\*[^]*?@module\n \*\//.exec(read(path)) ?? [];
    assert(/ \* @example Usage\n \* ```ts\n[^]*?assert[^]*? \* ```/.test(head), path);
  }
});

Deno.test(
  "docs/format.md lists every row of the recovery table, every event type and every file format",
  options,
  () => {
    const page = read("docs/format.md");
    const rows = rowsAfter(page, "## Recovery").map(([name]) => names(name)[0]);
    assertEquals(tailTable.filter(({ name }) => !rows.includes(name)), []);
    const types = Object.keys(eventShapes);
    assertEquals(rowsAfter(page, "### Events").flatMap(([cell]) => names(cell)).sort(), types.sort());
    const formats = filesIn("src/fs", ".ts")
      .flatMap((path) =>
        [...read(path).matchAll(/"(worker-runtime\/[a-z-]+)"/g)].map(([, format = ""]) => format)
      );
    assert(new Set(formats).size > 4);
    for (const format of formats) assertStringIncludes(page, format);
  },
);

Deno.test("the commands in the documentation and in CI are tasks and files that exist", options, () => {
  const tasks = new Set(Object.keys(config.tasks));
  for (const path of [...pages, ...filesIn(".github", ".yml"), ".ci/run"]) {
    const text = read(path);
    for (const [, task = ""] of text.matchAll(/\bdeno(?:@[\d.]+)? task ([a-z][a-z:]*)/g)) {
      assert(tasks.has(task), `${path}: deno task ${task}`);
    }
    for (
      const [, file = ""] of text.matchAll(
        /(?<![\w/.~-])((?:src|tests|tools|examples|bench|testing|cli)\/[\w./]+\.\w+)/g,
      )
    ) {
      assert(exists(file), `${path}: ${file}`);
    }
  }
});

/** Links of a page within the repository, as paths from its root. */
function linksOf(path: string): string[] {
  const targets = [...read(path).matchAll(/\]\((?!https?:|#)([^)\s#]+)/g)].map(([, target = ""]) => target);
  return targets.map((target) => join(path, "..", target).replaceAll("\\", "/"));
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(join(root, path)) !== undefined;
  } catch {
    return false;
  }
}

Deno.test("every link between pages has a target", options, () => {
  assert(pages.length > 8);
  const broken = pages.flatMap((path) => linksOf(path).map((link) => [path, link]))
    .filter(([, link = ""]) => !exists(link));
  assertEquals(broken, []);
});

Deno.test("every page that README.md links to is published", options, () => {
  const isPublished = (path: string): boolean =>
    config.publish.include.some((entry) => {
      const pattern = new RegExp(`^${RegExp.escape(entry).replaceAll("\\*", "[^/]+")}(?:/|$)`);
      return pattern.test(path);
    });
  const unpublished = linksOf("README.md").filter((link) => !isPublished(link));
  assertEquals(unpublished, []);
  for (const path of Object.values(config.exports)) assert(isPublished(path.slice(2)), path);
});
