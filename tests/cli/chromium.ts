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
  /** Times that Tab is pressed after the expressions. @default {0} */
  readonly tabs?: number;
}

/** A node of the accessibility tree. */
export interface Spoken {
  /** Its role. */
  readonly role: string;
  /** Its name. */
  readonly name: string;
  /** Level of a heading, 0 for anything else. */
  readonly level: number;
}

/** Observations of a page. */
export interface Seen {
  /** URLs that the page requested, including its own. */
  readonly requests: readonly string[];
  /** Values of the expressions. */
  readonly values: readonly unknown[];
  /** Messages of the console and uncaught errors. */
  readonly console: readonly string[];
  /** The accessibility tree in its order, without what it ignores, after the expressions. */
  readonly spoken: readonly Spoken[];
  /** Label of the element that has the focus after each Tab: the beginning of its text, on one line. */
  readonly focused: readonly string[];
}

/** An expression: the lowest contrast between a text of the page and what it stands on (WCAG 2). */
export const CONTRAST: string = `(() => {
  const channels = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = (color) => channels(color).slice(0, 3).map((c) => c / 255)
    .map((c) => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if ((channels(color)[3] ?? 1) === 1) return color;
    }
    return "rgb(255, 255, 255)";
  };
  const hasText = (e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim() !== "");
  return Math.min(...[...document.body.querySelectorAll("*")].filter(hasText).filter((e) => !e.closest("svg")).map((e) => {
    const [a, b] = [light(getComputedStyle(e).color), light(ground(e))].sort((a, b) => b - a);
    return (a + 0.05) / (b + 0.05);
  }));
})()`;

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
  const { nodes } = await page("Accessibility.getFullAXTree");
  const spoken = inOrder(nodes as readonly AxNode[]);
  const focused: string[] = [];
  for (let tab = 0; tab < (how.tabs ?? 0); tab++) {
    for (const type of ["keyDown", "keyUp"]) {
      await page("Input.dispatchKeyEvent", { type, key: "Tab", code: "Tab", windowsVirtualKeyCode: 9 });
    }
    const expression =
      "(({ ariaLabel, textContent }) => (ariaLabel ?? textContent).trim().replace(/\\s+/g, ' ').slice(0, 30))(document.activeElement)";
    const { result } = await page("Runtime.evaluate", { expression, returnByValue: true });
    focused.push(String(Reflect.get(result ?? {}, "value")));
  }
  const closed = new Promise((resolve) => socket.onclose = resolve);
  socket.close();
  await closed;
  return { requests, values, console, spoken, focused };
}

interface AxNode {
  readonly nodeId: string;
  readonly ignored: boolean;
  readonly role?: { value: string };
  readonly name?: { value: string };
  readonly properties?: readonly { name: string; value: { value: unknown } }[];
  readonly childIds?: readonly string[];
}

/** The nodes from the root on, each before its children. */
function inOrder(nodes: readonly AxNode[]): Spoken[] {
  const byId = new Map(nodes.map((node) => [node.nodeId, node]));
  const spoken: Spoken[] = [];
  const visit = ({ ignored, role, name, properties = [], childIds = [] }: AxNode): void => {
    const level = Number(properties.find(({ name }) => name === "level")?.value.value ?? 0);
    if (!ignored) spoken.push({ role: role?.value ?? "", name: name?.value ?? "", level });
    for (const id of childIds) {
      const child = byId.get(id);
      if (child !== undefined) visit(child);
    }
  };
  if (nodes[0] !== undefined) visit(nodes[0]);
  return spoken;
}
