/**
 * The worker record: who a worker is, from its creation on, never changed.
 *
 * @module
 */
import * as z from "zod";
import { invalidRequest } from "./errors.ts";
import type { WorkerId } from "./ids.ts";
import { deepFreeze, isJsonObject } from "./json.ts";
import { limits } from "./limits.ts";
import { nameSchema, parseShape, textOfWorkSchema } from "./schema.ts";

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

const intentSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("assistant"), purpose: textOfWorkSchema.optional() }),
  z.strictObject({ kind: z.literal("task"), objective: textOfWorkSchema }),
  z.strictObject({ kind: z.literal("role"), role: nameSchema, purpose: textOfWorkSchema.optional() }),
]) satisfies z.ZodType<WorkerIntent>;

const profileSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("runtime_default") }),
  z.strictObject({ kind: z.enum(["builtin", "named"]), name: nameSchema }),
]) satisfies z.ZodType<ProfileSelector>;

const resourcesSchema = z.array(z.strictObject({ name: nameSchema, reference: textOfWorkSchema }))
  .max(limits.listItemsMax);

const specSchema = z.strictObject({
  workerId: z.string().optional(),
  displayName: nameSchema.optional(),
  intent: intentSchema,
  profile: profileSchema.optional(),
  configBundle: z.strictObject({ id: nameSchema, digest: nameSchema.optional() }).optional(),
  capabilities: z.array(z.strictObject({ name: nameSchema, reason: textOfWorkSchema.optional() }))
    .max(limits.listItemsMax).optional(),
  workspaces: resourcesSchema.optional(),
  mounts: resourcesSchema.optional(),
  labels: z.record(nameSchema, nameSchema)
    .refine((labels) => Object.keys(labels).length <= limits.listItemsMax, `more than ${limits.listItemsMax}`)
    .optional(),
}) satisfies z.ZodType<WorkerSpec>;

/** Checks what a caller says about a new worker. Throws `invalid_request`. */
export function parseWorkerSpec(spec: WorkerSpec): WorkerSpec {
  // The schema would drop it without a word.
  if (isJsonObject(spec?.labels) && Object.hasOwn(spec.labels, "__proto__")) {
    throw invalidRequest("create worker", "labels: __proto__ is no name for a label");
  }
  return parseShape<WorkerSpec>(specSchema, spec, "create worker");
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
