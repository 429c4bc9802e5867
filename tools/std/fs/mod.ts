/**
 * Stand-in for `@std/fs`: the function that this project uses, over Deno's file system API.
 *
 * @module
 */

/**
 * Creates the directory and its parents, unless it exists.
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
    // Another process may have created it. The path may also be a link that leads nowhere.
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    assertDirectory(await Deno.stat(dir));
  }
}

function assertDirectory({ isDirectory, isFile }: Deno.FileInfo): void {
  if (isDirectory) return;
  throw new Error(`Failed to ensure directory exists: expected 'dir', got '${isFile ? "file" : "unknown"}'`);
}
