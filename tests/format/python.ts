/**
 * The reader in Python, as a process.
 *
 * @module
 */
import { fromFileUrl } from "@std/path";
import { isGranted, privileged, type PrivilegedOptions } from "../privileged.ts";

const script = fromFileUrl(new URL("reader.py", import.meta.url));
const python = isGranted("run") ? await findPython() : undefined;

/** The Python of this machine, if it is recent enough. */
async function findPython(): Promise<string | undefined> {
  for (const name of ["python3", "python"]) {
    try {
      const args = ["-c", "import sys; sys.exit(sys.version_info < (3, 9))"];
      const { code } = await new Deno.Command(name, { args, stdout: "null", stderr: "null" }).output();
      if (code === 0) return name;
    } catch {
      // It is not installed.
    }
  }
  return undefined;
}

/** Options of a test that needs Python. */
export function withPython(name: string): PrivilegedOptions {
  return privileged(name, python === undefined ? "no Python 3.9 or later" : undefined);
}

/** Runs Python; resolves to its output. */
export async function runPython(
  args: readonly string[],
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  const { code, stdout, stderr } = await new Deno.Command(python ?? "", {
    args: [...args],
    env: { PYTHONDONTWRITEBYTECODE: "1", PYTHONUTF8: "1" },
    stdin: "null",
  }).output();
  const [out = "", err = ""] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, out, err };
}

/** A store as the reader in Python sees it. */
export interface PythonRead {
  /** Exit code. */
  readonly code: number;
  /** Everything but the tail. */
  readonly seen: unknown;
  /** Bytes at the end of the log that were never acknowledged. */
  readonly tail: unknown;
  /** Messages. */
  readonly err: string;
}

/** Reads a runtime of a root. */
export async function readWithPython(root: string, runtimeId = "local"): Promise<PythonRead> {
  const { code, out, err } = await runPython([script, root, runtimeId]);
  const { tail, ...seen } = out === "" ? { tail: undefined } : JSON.parse(out);
  return { code, seen, tail, err };
}
