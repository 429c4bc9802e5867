/**
 * A TCP proxy that can drop traffic, as a network that is cut does: nothing is
 * delivered, and nothing is refused.
 *
 * @module
 */

/** Address of the target of a connection; `undefined` refuses it. */
export type Target = () => number | undefined;

/** Forwards connections on loopback. */
export class Proxy implements AsyncDisposable {
  /** Port on which it listens. */
  readonly port: number;
  readonly #listener: Deno.TcpListener;
  readonly #target: Target;
  readonly #open = new Set<Deno.TcpConn>();
  #passage = Promise.resolve();
  #pass = (): void => {};
  readonly #done: Promise<void>;

  /** Listens on a free port. */
  constructor(target: Target) {
    this.#target = target;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.port = this.#listener.addr.port;
    this.#done = this.#accept();
  }

  /** Holds back everything from now on: connections stay open, and new ones are accepted. */
  hold(): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#passage = promise;
    this.#pass = resolve;
  }

  /** Delivers what was held back, and everything from now on. */
  pass(): void {
    this.#pass();
  }

  /** Closes all connections. */
  cut(): void {
    for (const connection of this.#open) closeQuietly(connection);
    this.#open.clear();
  }

  /** Closes the proxy. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.#pass();
    this.cut();
    await this.#done;
  }

  async #accept(): Promise<void> {
    try {
      for await (const connection of this.#listener) void this.#forward(connection);
    } catch {
      // The listener was closed.
    }
  }

  async #forward(from: Deno.TcpConn): Promise<void> {
    this.#open.add(from);
    try {
      await this.#passage;
      const port = this.#target();
      if (port === undefined) return;
      const to = await Deno.connect({ hostname: "127.0.0.1", port });
      this.#open.add(to);
      try {
        await Promise.race([this.#copy(from, to), this.#copy(to, from)]);
      } finally {
        this.#open.delete(to);
        closeQuietly(to);
      }
    } catch {
      // One of the sides is gone, and the other one follows.
    } finally {
      this.#open.delete(from);
      closeQuietly(from);
    }
  }

  async #copy(from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
    const buffer = new Uint8Array(65_536);
    for (;;) {
      const length = await from.read(buffer);
      await this.#passage;
      if (length === null) return;
      for (let at = 0; at < length;) at += await to.write(buffer.subarray(at, length));
    }
  }
}

function closeQuietly(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch {
    // It is closed already.
  }
}
