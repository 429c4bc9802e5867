/**
 * Operations of another process on a file or directory of the store.
 *
 * @module
 */
import type { Image, Intruder } from "../../disk/mod.ts";

/** Directory of the intruder for moved objects and copies. */
export const ASIDE = "/aside";
/** New path of an object that was moved away. */
export const MOVED: string = `${ASIDE}/moved`;
/** Path of a copy beside the store. */
export const SPARE: string = `${ASIDE}/spare`;

/** Paths and images for an intrusion. */
export interface Materials {
  /** Path of the object. */
  readonly path: string;
  /** Path of another object of its kind. */
  readonly sibling: string | undefined;
  /** The object as it was some time before, if it existed. */
  readonly older: Image | undefined;
  /** The object in a store with the same beginning that another host went on with. */
  readonly other: Image | undefined;
}

/** Contents at the path afterwards. */
export type Contents =
  /** Nothing is at the path. */
  | "nothing"
  /** The same bytes. */
  | "same"
  /** An older state. */
  | "older"
  /** Another host's store with the same beginning. */
  | "other"
  /** The object itself: it only has been copied, or is back again. */
  | "own"
  /** A symbolic link to the object. */
  | "link";

/** An operation of another process. */
export interface Intrusion {
  readonly name: string;
  readonly leaves: Contents;
  /** True if the object went to {@linkcode MOVED}. */
  readonly moves: boolean;
  /** True if the files at the path are the host's own under a second name. */
  readonly links?: boolean;
  /** True if the host has no reason to reject anything. */
  readonly isHarmless?: boolean;
  /** Preparation some time before. */
  readonly prepare?: (intruder: Intruder, path: string) => void;
  /** First step. Returns false if it cannot be done to this object. */
  readonly act: (intruder: Intruder, materials: Materials) => boolean;
  /** Second step, a few calls later. */
  readonly goOn?: (intruder: Intruder, materials: Materials) => void;
}

/** All of them. */
export const intrusions: readonly Intrusion[] = [
  { name: "away", leaves: "nothing", moves: true, act: move },
  {
    name: "removed",
    leaves: "nothing",
    moves: false,
    act: (intruder, { path }) => {
      intruder.remove(path);
      return true;
    },
  },
  {
    name: "copied",
    leaves: "same",
    moves: true,
    act: (intruder, materials) => {
      move(intruder, materials);
      intruder.copy(MOVED, materials.path);
      return true;
    },
  },
  {
    name: "copied-later",
    leaves: "same",
    moves: true,
    act: move,
    goOn: (intruder, { path }) => {
      if (intruder.view(path) === undefined) intruder.copy(MOVED, path);
    },
  },
  {
    name: "remade",
    leaves: "same",
    moves: false,
    act: (intruder, { path }) => {
      const image = intruder.view(path);
      intruder.remove(path);
      if (image !== undefined) intruder.put(path, image);
      return true;
    },
  },
  {
    name: "linked",
    leaves: "same",
    moves: true,
    links: true,
    act: (intruder, materials) => {
      move(intruder, materials);
      intruder.link(MOVED, materials.path);
      return true;
    },
  },
  {
    name: "relinked",
    leaves: "same",
    moves: false,
    links: true,
    act: (intruder, { path }) => {
      intruder.link(path, SPARE);
      intruder.remove(path);
      intruder.move(SPARE, path);
      return true;
    },
  },
  {
    name: "symlinked",
    leaves: "link",
    moves: true,
    act: (intruder, materials) => {
      move(intruder, materials);
      intruder.symlink(MOVED, materials.path);
      return true;
    },
  },
  {
    name: "older",
    leaves: "older",
    moves: true,
    act: (intruder, materials) =>
      materials.older !== undefined && move(intruder, materials) &&
      put(intruder, materials.path, materials.older),
  },
  {
    name: "older-linked",
    leaves: "older",
    moves: true,
    links: true,
    prepare: (intruder, path) => intruder.link(path, SPARE),
    act: (intruder, materials) => {
      if (materials.older === undefined || intruder.view(SPARE) === undefined) return false;
      move(intruder, materials);
      intruder.move(SPARE, materials.path);
      return true;
    },
  },
  {
    name: "rolled-back",
    leaves: "older",
    moves: false,
    act: (intruder, { path, older }) => older !== undefined && replace(intruder, path, older),
  },
  {
    name: "other",
    leaves: "other",
    moves: true,
    act: (intruder, materials) =>
      materials.other !== undefined && move(intruder, materials) &&
      put(intruder, materials.path, materials.other),
  },
  {
    name: "overtaken",
    leaves: "other",
    moves: false,
    act: (intruder, { path, other }) => other !== undefined && replace(intruder, path, other),
  },
  {
    name: "swapped",
    leaves: "other",
    moves: false,
    act: (intruder, { path, sibling }) => {
      if (sibling === undefined || intruder.view(sibling) === undefined) return false;
      intruder.swap(path, sibling);
      return true;
    },
  },
  {
    name: "returned",
    leaves: "own",
    moves: false,
    act: move,
    goOn: (intruder, { path }) => {
      if (intruder.view(path) === undefined) intruder.move(MOVED, path);
    },
  },
  {
    name: "backed-up",
    leaves: "own",
    moves: false,
    isHarmless: true,
    act: (intruder, { path }) => {
      intruder.link(path, SPARE);
      return true;
    },
  },
];

function move(intruder: Intruder, { path }: Materials): boolean {
  intruder.move(path, MOVED);
  return true;
}

function put(intruder: Intruder, path: string, image: Image): boolean {
  intruder.put(path, image);
  return true;
}

/** The new files get the inode numbers that the removal freed. */
function replace(intruder: Intruder, path: string, image: Image): boolean {
  intruder.remove(path);
  return put(intruder, path, image);
}
