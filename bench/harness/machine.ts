/**
 * What the machine tells: bytes written, sizes of directories, its page
 * cache, and what it is. What a platform does not tell is null.
 *
 * @module
 */

const DROP_CACHES = "/proc/sys/vm/drop_caches";

/**
 * Bytes that this process has caused to be written to disk, metadata of the
 * file system not counted. Linux only. The kernel counts when a page is made
 * dirty, and a file system with large folios counts a folio as one page: those
 * who write at random places seem to write more than they do.
 */
export function bytesWritten(): number | null {
  const match = /^write_bytes: (\d+)$/m.exec(readText("/proc/self/io"));
  return match === null ? null : Number(match[1]);
}

/**
 * Bytes that the device below a directory has written since it was started,
 * by anybody, the file system's own included. Linux only.
 */
export function deviceBytesWritten(directory: string): number | null {
  const { dev } = Deno.statSync(directory);
  const major = (dev >> 8) & 0xfff;
  const minor = (dev & 0xff) | ((dev >>> 12) & 0xfff00);
  const sectors = readText(`/sys/dev/block/${major}:${minor}/stat`).trim().split(/\s+/)[6];
  return sectors === undefined ? null : Number(sectors) * 512;
}

/** Bytes that a directory takes on disk; its apparent size where the platform does not tell. */
export function directoryBytes(path: string): number {
  let bytes = 0;
  for (const entry of Deno.readDirSync(path)) {
    const child = `${path}/${entry.name}`;
    if (entry.isDirectory) bytes += directoryBytes(child);
    else bytes += fileBytes(Deno.statSync(child));
  }
  return bytes;
}

function fileBytes({ size, blocks }: Deno.FileInfo): number {
  return blocks === null ? size : blocks * 512;
}

/** Whether {@linkcode dropPageCache} works: on Linux, for root. */
export function canDropPageCache(): boolean {
  try {
    Deno.openSync(DROP_CACHES, { write: true }).close();
    return true;
  } catch {
    return false;
  }
}

/** Makes the operating system forget the content of files. What is dirty stays. */
export function dropPageCache(): void {
  Deno.writeTextFileSync(DROP_CACHES, "1");
}

/** The machine that the figures are from. */
export interface Machine {
  readonly deno: string;
  readonly v8: string;
  readonly os: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly fileSystem: string;
}

/** Describes this machine; `directory` is where the data goes. */
export function machine(directory: string): Machine {
  return {
    deno: Deno.version.deno,
    v8: Deno.version.v8,
    os: `${Deno.build.os} ${Deno.build.arch} ${Deno.osRelease()}`,
    cpu: /^model name\s*: (.*)$/m.exec(readText("/proc/cpuinfo"))?.[1] ?? "unknown",
    cores: navigator.hardwareConcurrency,
    memoryGiB: Math.round(Deno.systemMemoryInfo().total / 2 ** 30),
    fileSystem: fileSystemOf(directory),
  };
}

/** Type of the file system that is mounted nearest above a path. */
function fileSystemOf(path: string): string {
  const mounts = readText("/proc/mounts").split("\n").map((line) => line.split(" "));
  const above = mounts.filter(([, point = "?"]) =>
    `${path}/`.startsWith(point.endsWith("/") ? point : `${point}/`)
  );
  const nearest = above.toSorted((a, b) => (b[1]?.length ?? 0) - (a[1]?.length ?? 0))[0];
  return nearest?.[2] ?? "unknown";
}

function readText(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}
