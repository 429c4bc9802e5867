/**
 * The worker record: the immutable description of a worker.
 *
 * @module
 */
import { invalidRequest } from "./errors.ts";
import { idShape, type WorkerId } from "./ids.ts";
import { deepFreeze, isJsonObject } from "./json.ts";
import { limits } from "./limits.ts";
import { assertShape, byKind, dictionary, list, object, type Shape, text } from "./shape.ts";

/** Intent of a worker. */
export type WorkerIntent =
  | {
    /** Converses with people. */
    readonly kind: "assistant";
    /** Topic. */
    readonly purpose?: string | undefined;
  }
  | {
    /** Completes a task. */
    readonly kind: "task";
    /** Goal of the task. */
    readonly objective: string;
  }
  | {
    /** Plays a role in a group of workers. */
    readonly kind: "role";
    /** The role. */
    readonly role: string;
    /** Purpose of the role. */
    readonly purpose?: string | undefined;
  };

/** Selects the profile with which the host runs the worker. */
export type ProfileSelector =
  | {
    /** The host's default. */
    readonly kind: "runtime_default";
  }
  | {
    /** A profile built into the host, or one named by the operator. */
    readonly kind: "builtin" | "named";
    /** Its name. */
    readonly name: string;
  };

/** A configuration bundle that the host resolves. */
export interface ConfigBundleRef {
  /** Its id. */
  readonly id: string;
  /** Digest that pins its content. */
  readonly digest?: string | undefined;
}

/** A capability that the worker requests; the host decides whether to grant it. */
export interface CapabilityRequest {
  /** Its name. */
  readonly name: string;
  /** Reason for the request. */
  readonly reason?: string | undefined;
}

/** A workspace or mount that the host resolves. Never identifies a worker. */
export interface ResourceRef {
  /** Name that the worker uses for it. */
  readonly name: string;
  /** Reference that the host resolves. */
  readonly reference: string;
}

/** Description of a worker to create. */
export interface WorkerSpec {
  /** Caller-chosen id, 1 to 80 bytes; generated if omitted. */
  readonly workerId?: string | undefined;
  /** Name for people: 1 to 256 bytes. */
  readonly displayName?: string | undefined;
  /** Intent. */
  readonly intent: WorkerIntent;
  /** Profile. @default {{ kind: "runtime_default" }} */
  readonly profile?: ProfileSelector | undefined;
  /** Configuration bundle. */
  readonly configBundle?: ConfigBundleRef | undefined;
  /** Requested capabilities: up to 256. */
  readonly capabilities?: readonly CapabilityRequest[] | undefined;
  /** Workspaces: up to 256. */
  readonly workspaces?: readonly ResourceRef[] | undefined;
  /** Mounts: up to 256. */
  readonly mounts?: readonly ResourceRef[] | undefined;
  /** Labels to list by: up to 256, with names and values of 1 to 256 bytes. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** Id of the worker that it works for. Not checked: that worker may be purged first. */
  readonly parent?: string | undefined;
}

/** Description of a worker; immutable. */
export interface WorkerRecord {
  /** Its id in the runtime. */
  readonly workerId: WorkerId;
  /** Intent. */
  readonly intent: WorkerIntent;
  /** Profile with which the host runs the worker. */
  readonly profile: ProfileSelector;
  /** Configuration bundle. */
  readonly configBundle?: ConfigBundleRef | undefined;
  /** Requested capabilities. */
  readonly capabilities: readonly CapabilityRequest[];
  /** Workspaces. */
  readonly workspaces: readonly ResourceRef[];
  /** Mounts. */
  readonly mounts: readonly ResourceRef[];
  /** Id of the worker that it works for. */
  readonly parent?: string | undefined;
}

/** A short name. */
const name = text(limits.nameBytesMax);
/** A longer text. */
const longText = text(limits.textBytesMax);
const resources = list(object({ name, reference: longText }), limits.listItemsMax);

const intent = byKind({
  assistant: object({ kind: name }, { purpose: longText }),
  task: object({ kind: name, objective: longText }),
  role: object({ kind: name, role: name }, { purpose: longText }),
});

const given = { intent };
const described = {
  configBundle: object({ id: name }, { digest: name }),
  parent: idShape,
};
const completed = {
  profile: byKind({
    runtime_default: object({ kind: name }),
    builtin: object({ kind: name, name }),
    named: object({ kind: name, name }),
  }),
  capabilities: list(object({ name }, { reason: longText }), limits.listItemsMax),
  workspaces: resources,
  mounts: resources,
};

const spec = object(given, {
  workerId: text(Infinity),
  displayName: name,
  labels: dictionary(name, name, limits.listItemsMax),
  ...described,
  ...completed,
});

/** A {@linkcode WorkerRecord}. */
export const recordShape: Shape = object({ workerId: idShape, ...given, ...completed }, described);

/** Validates the description of a new worker. Throws `invalid_request`. */
export function parseWorkerSpec(value: WorkerSpec): WorkerSpec {
  assertShape(spec, value, "create worker");
  if (isJsonObject(value.labels) && Object.hasOwn(value.labels, "__proto__")) {
    throw invalidRequest("create worker", "labels: __proto__ is no name for a label");
  }
  return value;
}

/** Creates the record of a worker from its spec. */
export function workerRecord(spec: WorkerSpec, workerId: WorkerId): WorkerRecord {
  const record: WorkerRecord = {
    workerId,
    intent: spec.intent,
    profile: spec.profile ?? { kind: "runtime_default" },
    configBundle: spec.configBundle,
    capabilities: spec.capabilities ?? [],
    workspaces: spec.workspaces ?? [],
    mounts: spec.mounts ?? [],
    parent: spec.parent,
  };
  // Converted through JSON, so that the live record equals the one read back, without undefined members.
  return deepFreeze(JSON.parse(JSON.stringify(record)));
}
