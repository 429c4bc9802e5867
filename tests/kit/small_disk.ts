/**
 * Small disks, which are soon full.
 *
 * @module
 */

/** Mounts a tmpfs of some bytes at a new directory. Returns its path, or the reason why there is none. */
export async function mountDisk(
  bytes: number,
): Promise<{ readonly path: string } | { readonly why: string }> {
  if (Deno.build.os !== "linux") return { why: "tmpfs needs Linux" };
  const path = await Deno.makeTempDir({ prefix: "worker-runtime-disk-" });
  try {
    const args = ["-t", "tmpfs", "-o", `size=${bytes},mode=777`, "tmpfs", path];
    const { success, stderr } = await new Deno.Command("mount", { args }).output();
    if (success) return { path };
    await Deno.remove(path);
    return { why: new TextDecoder().decode(stderr).trim() };
  } catch (error) {
    return { why: String(error) };
  }
}
