/**
 * Stores as the reading commands see them: on disk, or in a database.
 *
 * @module
 */
import { type FileSystem, FsRuntimeSource, type PendingTail } from "../fs_store.ts";
import { type RuntimeError, RuntimeReader, type RuntimeSource } from "../mod.ts";
import {
  databaseSizes,
  type PostgresLocation,
  type StoreLocation,
  storeOwner,
  type StoreSizes,
  storeSizes,
} from "../operate.ts";
import { PostgresRuntimeSource, RuntimeDirectory } from "../postgres_store.ts";
import { time } from "./units.ts";

/** A store that is open for reading. */
export interface OpenedStore extends AsyncDisposable {
  /** Its location, for the operations. */
  readonly location: StoreLocation | PostgresLocation;
  /** Its directory, or its address and space. */
  readonly name: string;
  /** Its runtime. */
  readonly view: RuntimeReader;
  /** Its data. */
  readonly source: RuntimeSource;
  /** The oldest event that the log holds. */
  readonly firstEventId: number;
  /** The end of the log that was not read. */
  readonly pending: PendingTail;
  /** The error that prevents reading further. */
  readonly damage: RuntimeError | undefined;
  /** Its sizes. */
  sizes(): Promise<StoreSizes>;
  /** The process that owns it, in a few words; null if it is not known. */
  owner(): Promise<string | null>;
}

/** Opens a store on disk. */
export async function openDirectory(location: StoreLocation, fileSystem?: FileSystem): Promise<OpenedStore> {
  const source = new FsRuntimeSource(location, { fileSystem });
  const view = await RuntimeReader.open({ source });
  return {
    location,
    name: source.directory,
    view,
    source,
    get firstEventId() {
      return source.segments[0] ?? 1;
    },
    get pending() {
      return source.pending;
    },
    get damage() {
      return source.damage;
    },
    sizes: () => {
      const workerIds = Array.from(view.allWorkers(), ({ record }) => record.workerId);
      return Promise.resolve(storeSizes(location, workerIds, { fileSystem }));
    },
    owner: () => {
      const by = storeOwner(location, { fileSystem });
      return Promise.resolve(by === undefined ? null : `process ${by.pid}, since ${time(by.openedAt)}`);
    },
    [Symbol.asyncDispose]: () => view.close(),
  };
}

/** Opens a runtime in a database. */
export async function openRows(location: PostgresLocation, name: string): Promise<OpenedStore> {
  const source = new PostgresRuntimeSource(location);
  const view = await RuntimeReader.open({ source });
  const { firstEventId } = await view.events({ limit: 1 });
  return {
    location,
    name,
    view,
    source,
    firstEventId,
    pending: { events: 0, bytes: 0 },
    damage: undefined,
    sizes: () => databaseSizes(location),
    owner: async () => {
      const { owner, address } = await new RuntimeDirectory(location).get(location.runtimeId) ?? {};
      if (owner === null || owner === undefined) return null;
      return address === null || address === undefined ? owner : `${owner} at ${address}`;
    },
    [Symbol.asyncDispose]: () => view.close(),
  };
}
