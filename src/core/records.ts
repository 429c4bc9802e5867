/**
 * The worker record: who a worker is, from its creation on, never changed.
 *
 * @module
 */
import { invalidRequest } from "./errors.ts";
import { idShape, type WorkerId } from "./ids.ts";
import { deepFreeze, isJsonObject } from "./json.ts";
import { limits } from "./limits.ts";
import { byKind, dictionary, list, mustHaveShape, object, type Shape, text } from "./shape.ts";

/** What a worker is for. */
export type WorkerIntent =
  | {
    /** Talks with somebody. */
    readonly kind: "assistant";
    /** What about. */
    readonly purpose?: string | undefined;
  }
  | {
    /** Has a thing to get done. */
    readonly kind: "task";
    /** The thing. */
    readonly objective: string;
  }
  | {
    /** Plays a part among others. */
    readonly kind: "role";
    /** The part. */
    readonly role: string;
    /** What it is there for. */
    readonly purpose?: string | undefined;
  };

/** Which profile the host runs the worker with. */
export type ProfileSelector =
  | {
    /** The host's default. */
    readonly kind: "runtime_default";
  }
  | {
    /** One that comes with the host, or one that somebody named. */
    readonly kind: "builtin" | "named";
    /** Its name. */
    readonly name: string;
  };

/** A bundle of configuration that the host resolves. */
export interface ConfigBundleRef {
  /** Its id. */
  readonly id: string;
  /** Digest that pins its content. */
  readonly digest?: string | undefined;
}

/** A capability that the worker asks for; granting it is the host's affair. */
export interface CapabilityRequest {
  /** Its name. */
  readonly name: string;
  /** Why it is asked for. */
  readonly reason?: string | undefined;
}

/** A workspace or mount that the host resolves. Never an authority over which worker is meant. */
export interface ResourceRef {
  /** What the worker calls it. */
  readonly name: string;
  /** What the host knows it by. */
  readonly reference: string;
}

/** What a caller may say about a worker that it creates. */
export interface WorkerSpec {
  /** Caller-chosen id; made up when absent. */
  readonly workerId?: string | undefined;
  /** Name for people. */
  readonly displayName?: string | undefined;
  /** What it is for. */
  readonly intent: WorkerIntent;
  /** Profile to run it with. @default {{ kind: "runtime_default" }} */
  readonly profile?: ProfileSelector | undefined;
  /** Configuration bundle. */
  readonly configBundle?: ConfigBundleRef | undefined;
  /** Requested capabilities. */
  readonly capabilities?: readonly CapabilityRequest[] | undefined;
  /** Workspaces. */
  readonly workspaces?: readonly ResourceRef[] | undefined;
  /** Mounts. */
  readonly mounts?: readonly ResourceRef[] | undefined;
  /** Labels to find it by. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

/** Who a worker is; immutable. */
export interface WorkerRecord {
  /** Its id in the runtime. */
  readonly workerId: WorkerId;
  /** Name for people. */
  readonly displayName?: string | undefined;
  /** What it is for. */
  readonly intent: WorkerIntent;
  /** Profile that the host runs it with. */
  readonly profile: ProfileSelector;
  /** Configuration bundle. */
  readonly configBundle?: ConfigBundleRef | undefined;
  /** Requested capabilities. */
  readonly capabilities: readonly CapabilityRequest[];
  /** Workspaces. */
  readonly workspaces: readonly ResourceRef[];
  /** Mounts. */
  readonly mounts: readonly ResourceRef[];
  /** Labels. */
  readonly labels: Readonly<Record<string, string>>;
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
  displayName: name,
  configBundle: object({ id: name }, { digest: name }),
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
  labels: dictionary(name, name, limits.listItemsMax),
};

const spec = object(given, { workerId: text(Infinity), ...described, ...completed });

/** A {@linkcode WorkerRecord}. */
export const recordShape: Shape = object({ workerId: idShape, ...given, ...completed }, described);

/** Checks what a caller says about a new worker. Throws `invalid_request`. */
export function parseWorkerSpec(value: WorkerSpec): WorkerSpec {
  mustHaveShape(spec, value, "create worker");
  if (isJsonObject(value.labels) && Object.hasOwn(value.labels, "__proto__")) {
    throw invalidRequest("create worker", "labels: __proto__ is no name for a label");
  }
  return value;
}

/** The record of a worker from what its creator said. */
export function workerRecord(spec: WorkerSpec, workerId: WorkerId): WorkerRecord {
  const record: WorkerRecord = {
    workerId,
    displayName: spec.displayName,
    intent: spec.intent,
    profile: spec.profile ?? { kind: "runtime_default" },
    configBundle: spec.configBundle,
    capabilities: spec.capabilities ?? [],
    workspaces: spec.workspaces ?? [],
    mounts: spec.mounts ?? [],
    labels: spec.labels ?? {},
  };
  // Through JSON, so that the live record and the one read back are the same, without undefined members.
  return deepFreeze(JSON.parse(JSON.stringify(record)));
}
