/**
 * Codes of errors and diagnostics, and the locations in the source that create
 * them.
 *
 * @module
 */

/** A code. */
export interface Code {
  /** Kind of code. */
  readonly kind: "error" | "diagnostic";
  /** The code. */
  readonly code: string;
}

/** A line of a source file. */
export interface Site {
  /** Path from the root of the repository. */
  readonly path: string;
  /** Line, from 1. */
  readonly line: number;
}

const ROOT = new URL("../../../", import.meta.url);

async function textOf(path: string): Promise<string> {
  return await Deno.readTextFile(new URL(path, ROOT));
}

/** Every code, read from the types that close the sets. */
export async function codesOf(): Promise<Code[]> {
  const errors = (await textOf("src/core/errors.ts")).matchAll(
    /^ {2}readonly ([a-z]+_[a-z_]+|conflict): /gm,
  );
  const diagnostics = (await textOf("src/core/diagnostics.ts")).matchAll(/^ {2}\| "([a-z_]+)"/gm);
  return [
    ...[...errors].map(([, code = ""]) => ({ kind: "error", code }) as const),
    ...[...diagnostics].map(([, code = ""]) => ({ kind: "diagnostic", code }) as const),
  ];
}

/** Locations that create an error or a diagnostic of this code: occurrences of its name except types and comparisons. */
export async function sitesOf(kind: Code["kind"], code: string): Promise<Site[]> {
  const sites: Site[] = [];
  for (const directory of ["src/core", "src/fs", "src/memory", "src/postgres"]) {
    for (const path of sourcesBelow(directory)) {
      const lines = (await textOf(path)).split("\n");
      lines.forEach((text, index) => {
        if (makes(text, kind, code)) sites.push({ path, line: index + 1 });
      });
    }
  }
  return sites;
}

function sourcesBelow(directory: string): string[] {
  return [...Deno.readDirSync(new URL(directory, ROOT))].flatMap(({ name, isDirectory }) => {
    const path = `${directory}/${name}`;
    if (isDirectory) return sourcesBelow(path);
    return name.endsWith(".ts") ? [path] : [];
  });
}

function makes(text: string, kind: Code["kind"], code: string): boolean {
  if (!text.includes(`"${code}"`) || text.includes(`== "${code}"`)) return false;
  // A type: RuntimeError<"code">, or a member of the union.
  if (text.includes(`<"${code}">`) || text.trimStart().startsWith("|")) {
    return kind === "error" && text.includes(`("${code}"`);
  }
  return !text.trimStart().startsWith("*");
}
