/**
 * Opening a store for the reading commands.
 *
 * @module
 */
import { invalidRequest } from "../../store.ts";
import { locateStore, type PostgresLocation, type PostgresSpace, type StoreLocation } from "../../operate.ts";
import { RuntimeDirectory } from "../../postgres_store.ts";
import { connect, type Database, isDatabase } from "../database.ts";
import { exitCodes } from "../failure.ts";
import type { Io } from "../io.ts";
import type { Options } from "../options.ts";
import { openDirectory, type OpenedStore, openRows } from "../store.ts";
import { tone, visible } from "../style.ts";

/** A runtime that was found. */
export interface Located {
  /** Its location. */
  readonly location: StoreLocation | PostgresLocation;
  /** Opens it for reading. */
  readonly open: () => Promise<OpenedStore>;
}

/** Runs work on the runtime that an argument names: a directory, or the address of a database. */
export async function withStore<T>(
  place: string,
  options: Options,
  work: (located: Located) => Promise<T>,
): Promise<T> {
  if (isDatabase(place)) {
    return await inDatabase(place, options, async (database, space) => {
      const runtimeId = options.runtime ?? await onlyRuntime(space);
      return await work(inSpace(database, { ...space, runtimeId }));
    });
  }
  assertNoSpace(options);
  const location = locateStore(place, options.runtime);
  return await work({ location, open: () => openDirectory(location) });
}

/** Runs work with a connection to a database. */
export async function inDatabase<T>(
  url: string,
  { space = "default" }: Options,
  work: (database: Database, space: Required<PostgresSpace>) => Promise<T>,
): Promise<T> {
  await using database = await connect(url);
  return await work(database, { client: database.client, space });
}

/** A runtime in a database. */
export function inSpace({ name }: Database, location: PostgresLocation): Located {
  return { location, open: () => openRows(location, `${name}, space ${JSON.stringify(location.space)}`) };
}

/** Throws `invalid_request` if a space is given for a directory. */
export function assertNoSpace({ space }: Options): void {
  if (space !== undefined) throw invalidRequest("use a directory", "--space: only a database has spaces");
}

async function onlyRuntime(space: PostgresSpace): Promise<string> {
  const { items, next } = await new RuntimeDirectory(space).list({ limit: 10 });
  const [only] = items;
  if (only !== undefined && items.length === 1) return only.runtimeId;
  const names = items.map(({ runtimeId }) => JSON.stringify(runtimeId)).join(", ");
  const issue = only === undefined
    ? "there is no runtime in it"
    : `it holds ${next === null ? items.length : "many"} runtimes; choose one with --runtime: ${names}`;
  throw invalidRequest(`use space ${JSON.stringify(space.space)}`, issue);
}

/** Opens a store for reading, and closes it after the work, which may return an exit code. Damage is reported. */
export async function withView(
  io: Io,
  { json }: Options,
  { open }: Located,
  work: (opened: OpenedStore) => Promise<number | void> | void,
): Promise<number> {
  await using store = await open();
  const code = await work(store);
  if (json !== true) reportNotices(io, store);
  return store.damage === undefined ? code ?? exitCodes.ok : exitCodes.damaged;
}

function reportNotices(io: Io, { view, damage }: OpenedStore): void {
  for (const { message, severity } of view.diagnostics().items) {
    if (severity !== "info") io.err(`${tone(io, "warn", "note:")} ${visible(message)}\n`);
  }
  const { lastEventId } = view;
  if (damage === undefined) return;
  io.err(`${tone(io, "bad", "damaged:")} ${visible(damage.message)}\n`);
  io.err(`  the log was read through event ${lastEventId}; the command "verify" shows all damage\n`);
}
