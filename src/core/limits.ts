/**
 * Every bound of the library, in one place. Sizes are in bytes of UTF-8 unless the
 * name says otherwise. The settings of a file system store are in its
 * `config.jsonc`; these bounds are fixed.
 *
 * @module
 */

/** The bounds, by name. A command that exceeds one is rejected with `limit_exceeded` or `invalid_request`. */
export const limits = {
  /** A runtime id or worker id. */
  idBytesMax: 80,
  /** A short name: display name, role, model, capability, label, entry name or id, event name, run id, media type. */
  nameBytesMax: 256,
  /** A longer text: objective, purpose, reference. A longer reason of a command is truncated. */
  textBytesMax: 65_536,
  /** An idempotency key. */
  keyBytesMax: 256,
  /** Keys kept per worker, for the runtime, and of purges; the oldest is evicted first. */
  keysKept: 1_024,
  /** Content of one transcript entry, as JSON. */
  contentBytesMax: 16_777_216,
  /** Content that is kept in the event; larger content is kept as a blob. */
  contentInlineBytesMax: 262_144,
  /** Size of an event as JSON beyond which its largest content is kept as a blob. */
  eventInlineBytesMax: 1_048_576,
  /** One blob. */
  blobBytesMax: 1_073_741_824,
  /** Data of the host about one commit, as JSON. */
  metaBytesMax: 4_096,
  /** Metadata of one transcript entry, as JSON. */
  metadataBytesMax: 65_536,
  /** Entries of one commit. */
  entriesMax: 256,
  /** Host-defined data of one worker, as JSON; also one patch, and the data of one custom event. */
  dataBytesMax: 262_144,
  /** Nesting of a JSON value. */
  jsonDepthMax: 64,
  /** Capabilities, workspaces, mounts or labels of one worker; blobs of an entry; events or usage reports of a commit. */
  listItemsMax: 256,
  /** Model names counted separately, per worker and for the runtime; `other`, for further models, is one of them. */
  modelsMax: 256,
  /** One event as JSON. */
  eventBytesMax: 8_388_608,
  /** UTF-16 units of one batch of a group commit, unless it is a single larger event. */
  batchUnitsMax: 1_048_576,
  /** Events of one batch. */
  batchEventsMax: 4_096,
  /** Commands waiting to be committed. */
  queueCommandsMax: 65_536,
  /** UTF-16 units of JSON waiting to be committed. */
  queueUnitsMax: 67_108_864,
  /** Workers of one runtime. */
  workersMax: 100_000,
  /** Items of a page when the caller names no limit. */
  pageItemsDefault: 50,
  /** Items of a page at most. */
  pageItemsMax: 1_000,
  /** Stored bytes of a page, unless it is a single larger item. */
  pageBytesMax: 4_194_304,
  /** Bytes that one page of filtered events reads, plus at most one event; the page may then be short or empty. */
  pageScanBytesMax: 8_388_608,
  /** Events a watcher reads at a time. */
  watchItemsMax: 256,
  /** Ranges of a context, including the open one. */
  contextRangesMax: 64,
  /** Bytes of content of a context, as JSON, that are read when the caller names no bound. */
  contextBytesDefault: 67_108_864,
  /** Diagnostics kept; the oldest is dropped first and the drop counted. */
  diagnosticsKept: 256,
} as const;
