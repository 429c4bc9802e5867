/** Options for {@linkcode exists}. */
export interface ExistsOptions {
  /** Whether the file must be readable by the user as well. This also requires `--allow-sys` permission. */
  isReadable?: boolean;
  /** Whether it must be a directory. */
  isDirectory?: boolean;
  /** Whether it must be a file. */
  isFile?: boolean;
}

/**
 * Whether the path exists and is what the options ask for.
 *
 * Requires `--allow-read` permission.
 */
export async function exists(path: string | URL, options: ExistsOptions = {}): Promise<boolean> {
  try {
    return matches(await Deno.stat(path), options);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
    // With Deno's permission granted it was the file system that denied: it exists, but cannot be read.
    const { state } = await Deno.permissions.query({ name: "read", path });
    if (state !== "granted") throw error;
    return !options.isReadable;
  }
}

function matches(info: Deno.FileInfo, { isReadable, isDirectory, isFile }: ExistsOptions): boolean {
  if (isDirectory && isFile) {
    throw new TypeError(
      "ExistsOptions.options.isDirectory and ExistsOptions.options.isFile must not be true together",
    );
  }
  if ((isDirectory && !info.isDirectory) || (isFile && !info.isFile)) return false;
  return !isReadable || canRead(info);
}

function canRead({ mode, uid, gid }: Deno.FileInfo): boolean {
  if (mode === null) return true; // not a POSIX system
  if (Deno.uid() === uid) return (mode & 0o400) !== 0;
  return (mode & (Deno.gid() === gid ? 0o040 : 0o004)) !== 0;
}
