/**
 * A JSR registry on the loopback interface that serves the @std packages of one directory (`tools/std`, or a
 * checkout of the standard library) over the protocol of JSR.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { type JsrPackage, loadPackages } from "./packages.ts";

/**
 * Fixed, because Deno caches by address, so that later runs are served from its cache; below the ephemeral ports;
 * several, for concurrent runs.
 */
const PORTS_PREFERRED = [24117, 24118, 24119, 24120];

/** A running registry. Disposing of it stops the server. */
export interface Registry extends AsyncDisposable {
  /** The value for `JSR_URL`. */
  readonly url: string;
}

/** Serves the packages under `dir` on the loopback interface. */
export function serveRegistry(dir: string): Registry {
  const packages = loadPackages(dir);
  // Part of the address, so that Deno's cache distinguishes directories and their versions.
  const base = `/${digest(packages)}/`;
  const server = listen((request) => respond(packages, base, new URL(request.url).pathname));
  return {
    url: `http://127.0.0.1:${server.addr.port}${base}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

function listen(handler: (request: Request) => Response): Deno.HttpServer<Deno.NetAddr> {
  for (const port of [...PORTS_PREFERRED, 0]) {
    try {
      return Deno.serve({ hostname: "127.0.0.1", port, onListen: () => {} }, handler);
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
  throw new Error("Cannot serve the registry: no free port on the loopback interface");
}

/** Responds to a request for `@std/x/meta.json`, `@std/x/1.2.3_meta.json` or `@std/x/1.2.3/file.ts`. */
function respond(packages: Map<string, JsrPackage>, base: string, path: string): Response {
  const [, name = "", rest = ""] = /^(@[^/]+\/[^/]+)\/(.+)$/.exec(path.slice(base.length)) ?? [];
  const found = path.startsWith(base) ? packages.get(name) : undefined;
  if (found === undefined) return notFound();
  if (rest === "meta.json") return Response.json(meta(found));
  if (rest === `${found.version}_meta.json`) return Response.json(versionMeta(found));
  const bytes = found.files.get(rest.slice(found.version.length));
  return bytes !== undefined && rest.startsWith(`${found.version}/`) ? new Response(bytes) : notFound();
}

function notFound(): Response {
  return new Response("not found", { status: 404 });
}

function meta({ name, version }: JsrPackage): Record<string, unknown> {
  const [scope, short] = name.slice(1).split("/");
  return { scope, name: short, latest: version, versions: { [version]: {} } };
}

function versionMeta({ exports, files }: JsrPackage): Record<string, unknown> {
  const manifest = [...files].map(([path, bytes]) =>
    [path, { size: bytes.length, checksum: `sha256-${sha256(bytes)}` }] as const
  );
  return { exports, manifest: Object.fromEntries(manifest) };
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function digest(packages: Map<string, JsrPackage>): string {
  const hash = createHash("sha256");
  for (const { name, version, files } of packages.values()) {
    hash.update(`${name}@${version}\n`);
    for (const [path, bytes] of files) hash.update(`${path} ${bytes.length}\n`).update(bytes);
  }
  return hash.digest("hex").slice(0, 16);
}
