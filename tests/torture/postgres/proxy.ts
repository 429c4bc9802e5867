/**
 * A TCP proxy in front of a server: the suite stalls its traffic, cuts its
 * connections, and points it at another server.
 *
 * @module
 */

/** Directions of the traffic that a proxy stalls. */
export type Direction = "toServer" | "toClient";

/** A proxy on loopback. */
export class Proxy implements Disposable {
  /** Its port. */
  readonly port: number;
  readonly #listener: Deno.TcpListener;
  readonly #connections = new Set<Deno.TcpConn>();
  readonly #stalls = new Map<Direction, PromiseWithResolvers<void>>();
  /** Port of the server. */
  target: number;

  /** Listens. */
  constructor(target: number) {
    this.target = target;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.port = this.#listener.addr.port;
    void this.#accept();
  }

  /** Delivers nothing in these directions from now on, like a network that is cut. */
  stall(...directions: readonly Direction[]): void {
    for (const direction of directions) {
      if (!this.#stalls.has(direction)) this.#stalls.set(direction, Promise.withResolvers());
    }
  }

  /** Delivers all traffic again, including what was stalled. */
  resume(): void {
    const stalls = [...this.#stalls.values()];
    this.#stalls.clear();
    for (const { resolve } of stalls) resolve();
  }

  /** Closes all connections; what was stalled on them is lost. */
  cut(): void {
    for (const connection of this.#connections) close(connection);
    this.#connections.clear();
  }

  [Symbol.dispose](): void {
    this.#listener.close();
    this.cut();
    this.resume();
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) void this.#connect(client);
  }

  async #connect(client: Deno.TcpConn): Promise<void> {
    this.#connections.add(client);
    try {
      const server = await Deno.connect({ hostname: "127.0.0.1", port: this.target });
      // The client was cut meanwhile.
      if (!this.#connections.has(client)) return close(server);
      this.#connections.add(server);
      await Promise.all([
        this.#pump(client, server, "toServer"),
        this.#pump(server, client, "toClient"),
      ]);
    } catch {
      // The server is down: its clients find out as well.
      close(client);
    }
  }

  async #pump(from: Deno.TcpConn, to: Deno.TcpConn, direction: Direction): Promise<void> {
    const buffer = new Uint8Array(65_536);
    try {
      for (;;) {
        const count = await from.read(buffer);
        await this.#stalls.get(direction)?.promise;
        if (count === null) break;
        for (let done = 0; done < count;) done += await to.write(buffer.subarray(done, count));
      }
    } catch {
      // One end is gone.
    }
    for (const connection of [from, to]) {
      this.#connections.delete(connection);
      close(connection);
    }
  }
}

function close(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch {
    // It is closed already.
  }
}
