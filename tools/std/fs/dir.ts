import { join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * Creates the directory and those above it, unless it exists already.
 *
 * Requires `--allow-read` and `--allow-write` permissions.
 */
export async function ensureDir(dir: string | URL): Promise<void> {
  try {
    return assertDirectory(await Deno.stat(dir));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  try {
    await Deno.mkdir(dir, { recursive: true });
  } catch (error) {
    // Somebody else created it in between.
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    assertDirectory(await Deno.stat(dir));
  }
}

function assertDirectory(info: Deno.FileInfo): void {
  if (info.isDirectory) return;
  throw new Error(
    `Failed to ensure directory exists: expected 'dir', got '${info.isFile ? "file" : "unknown"}'`,
  );
}

/**
 * Removes everything inside the directory, or creates it.
 *
 * Requires `--allow-read` and `--allow-write` permissions.
 */
export async function emptyDir(dir: string | URL): Promise<void> {
  const path = dir instanceof URL ? fileURLToPath(dir) : dir;
  try {
    const entries = await Array.fromAsync(Deno.readDir(path));
    await Promise.all(entries.map(({ name }) => Deno.remove(join(path, name), { recursive: true })));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    await Deno.mkdir(path, { recursive: true });
  }
}
