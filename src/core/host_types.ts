/**
 * Types that a host gives to the JSON it keeps: data of workers, content of
 * entries, and its own events. Types only: what a store returns is not checked
 * against them.
 *
 * @module
 */
import type { Json, JsonObject } from "./json.ts";

/** The host's types, for `Runtime.open<Types>` and `RuntimeReader.open<Types>`. Each member is optional. */
export interface HostTypes {
  /** Data of a worker: an object type. @default {JsonObject} */
  readonly data?: object;
  /** Content of entries. @default {Json} */
  readonly content?: unknown;
  /** Data of the host's events, by name. @default any name, with {@linkcode Json} */
  readonly events?: object;
}

/** Data of a worker as it is read: any member may be missing. */
export type DataOf<Types> = Types extends { readonly data: infer Data } ? Readonly<Partial<Data>>
  : JsonObject;

/** Patch of a worker's data: null removes a member. */
export type PatchOf<Types> = Types extends { readonly data: infer Data } ? Patch<Data> : JsonObject;

/** JSON Merge Patch (RFC 7396) of a type. */
export type Patch<Value> = Value extends readonly unknown[] ? Value
  : Value extends object ? { readonly [Name in keyof Value]?: Patch<Value[Name]> | null }
  : Value;

/** Content of an entry. */
export type ContentOf<Types> = Types extends { readonly content: infer Content } ? Content : Json;

/** An event that the host defines. */
export interface HostEvent<Name extends string = string, Data = Json> {
  /** Name that the host gives it. */
  readonly name: Name;
  /** Data of the host. */
  readonly data: Data;
}

/** The events that the host defines, discriminated by `name`. */
export type HostEventOf<Types> = Types extends { readonly events: infer Events }
  ? { [Name in keyof Events & string]: HostEvent<Name, Events[Name]> }[keyof Events & string]
  : HostEvent;
