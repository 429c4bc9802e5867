/**
 * A headless browser to load a page in, over its DevTools protocol.
 *
 * @module
 */

import { isGranted } from "../privileged.ts";

const NAMES = ["chromium", "chromium-browser", "google-chrome"];

/** The browser of this machine, if it has one. */
export function findChromium(): string | undefined {
  if (!isGranted("env")) return undefined;
  for (const directory of (Deno.env.get("PATH") ?? "").split(":")) {
    for (const name of NAMES) {
      try {
        if (Deno.statSync(`${directory}/${name}`).isFile) return `${directory}/${name}`;
      } catch {
        // Not there.
      }
    }
  }
  return undefined;
}

/** Properties of the screen. */
export interface Look {
  /** Width in CSS pixels. */
  readonly width: number;
  /** The person prefers dark. */
  readonly dark: boolean;
}

/** Observations of a page. */
export interface Seen {
  /** URLs that the page requested, including its own. */
  readonly requests: readonly string[];
  /** Values of the expressions. */
  readonly values: readonly unknown[];
  /** Messages of the console and uncaught errors. */
  readonly console: readonly string[];
}

type Message = {
  id?: number;
  method?: string;
  params?: Record<string, unknown>;
  result?: Record<string, unknown>;
};

/** Loads a page and evaluates expressions in it; a promise is waited for. */
export async function look(
  path: string,
  url: string,
  how: Look,
  expressions: readonly string[],
): Promise<Seen> {
  const profile = await Deno.makeTempDir({ prefix: "worker-runtime-chromium-" });
  const args = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    .concat(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
    .concat(["--remote-debugging-port=0", `--user-data-dir=${profile}`, "about:blank"]);
  const child = new Deno.Command(path, { args, stdin: "null", stdout: "null", stderr: "piped" }).spawn();
  try {
    const [address, rest] = await debuggerAddress(child.stderr);
    const seen = await withPage(address, url, how, expressions);
    child.kill("SIGTERM");
    await rest;
    return seen;
  } finally {
    try {
      child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await child.status;
    await Deno.remove(profile, { recursive: true }).catch(() => {});
  }
}

/** The address that the browser listens on, and the end of its output. */
async function debuggerAddress(stderr: ReadableStream<Uint8Array>): Promise<[string, Promise<void>]> {
  const reader = stderr.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`the browser ended: ${text}`);
    text += value;
    const address = /DevTools listening on (ws:\S+)\s/.exec(text)?.[1];
    if (address !== undefined) return [address, drain(reader)];
  }
}

async function drain(reader: ReadableStreamDefaultReader<string>): Promise<void> {
  while (!(await reader.read()).done) continue;
}

async function withPage(
  address: string,
  url: string,
  how: Look,
  expressions: readonly string[],
): Promise<Seen> {
  const socket = new WebSocket(address);
  await new Promise((resolve) => socket.onopen = resolve);
  const waiting = new Map<number, (result: Record<string, unknown>) => void>();
  const requests: string[] = [];
  const console: string[] = [];
  const loaded = Promise.withResolvers<void>();
  socket.onmessage = ({ data }) => {
    const { id, method, params, result }: Message = JSON.parse(data);
    if (id !== undefined) waiting.get(id)?.(result ?? {});
    if (method === "Network.requestWillBeSent") requests.push(Reflect.get(params?.request ?? {}, "url"));
    if (method === "Page.loadEventFired") loaded.resolve();
    if (method === "Runtime.exceptionThrown" || method === "Log.entryAdded") {
      console.push(JSON.stringify(params));
    }
  };
  let count = 0;
  const call = (method: string, params: object, sessionId?: string): Promise<Record<string, unknown>> =>
    new Promise((resolve) => {
      waiting.set(++count, resolve);
      socket.send(
        JSON.stringify({ id: count, method, params, ...(sessionId === undefined ? {} : { sessionId }) }),
      );
    });
  const { targetId } = await call("Target.createTarget", { url: "about:blank" });
  const { sessionId } = await call("Target.attachToTarget", { targetId, flatten: true });
  const page = (method: string, params: object = {}) => call(method, params, String(sessionId));
  for (const domain of ["Page", "Network", "Runtime", "Log"]) await page(`${domain}.enable`);
  await page("Emulation.setDeviceMetricsOverride", {
    width: how.width,
    height: 800,
    deviceScaleFactor: 1,
    mobile: true,
  });
  const scheme = { name: "prefers-color-scheme", value: how.dark ? "dark" : "light" };
  await page("Emulation.setEmulatedMedia", { features: [scheme] });
  await page("Page.navigate", { url });
  await loaded.promise;
  const values: unknown[] = [];
  for (const expression of expressions) {
    const { result } = await page("Runtime.evaluate", {
      expression,
      returnByValue: true,
      awaitPromise: true,
    });
    values.push(Reflect.get(result ?? {}, "value"));
  }
  const closed = new Promise((resolve) => socket.onclose = resolve);
  socket.close();
  await closed;
  return { requests, values, console };
}
