/**
 * A copy of a whole machine, including page cache and uncertain state, without
 * processes. Contents are shared; only nodes in use are copied.
 *
 * @module
 */
import type { DirectoryOperation } from "./journal.ts";
import { Machine } from "./machine.ts";
import { DirectoryNode, type Node } from "./nodes.ts";

/** Copies the machine. */
export function forkOf(machine: Machine): Machine {
  const copies = new Map<Node, Node>();
  const root = copyDirectory(machine.root, copies);
  const copy = new Machine({ ...machine.hardware }, root, machine.sequence);
  copy.stale = machine.stale;
  copyJournal(machine, copy, copies);
  return copy;
}

function copyOf(node: Node, copies: Map<Node, Node>): Node {
  const known = copies.get(node);
  if (known !== undefined) return known;
  if (node.kind === "directory") return copyDirectory(node, copies);
  const copy = node.kind === "file" ? node.clone() : node;
  copies.set(node, copy);
  return copy;
}

function copyDirectory(node: DirectoryNode, copies: Map<Node, Node>): DirectoryNode {
  const known = copies.get(node);
  if (known?.kind === "directory") return known;
  const copy = new DirectoryNode(node.untouched);
  copies.set(node, copy);
  if (node.untouched !== undefined) return copy;
  for (const [name, inner] of node.entries) copy.entries.set(name, copyOf(inner, copies));
  copy.mode = node.mode;
  copy.changedAt = node.changedAt;
  return copy;
}

function copyJournal(machine: Machine, copy: Machine, copies: Map<Node, Node>): void {
  const operations = new Map<DirectoryOperation, DirectoryOperation>();
  const copied = (node: Node | undefined) => node === undefined ? undefined : copyOf(node, copies);
  for (const operation of machine.journal.pending) {
    const changes = operation.changes.map(({ directory, name, before, after }) => ({
      directory: copyDirectory(directory, copies),
      name,
      before: copied(before),
      after: copied(after),
    }));
    const needs = operation.needs.map((need) => operations.get(need)).filter((need) => need !== undefined);
    const fresh = { sequence: operation.sequence, changes, needs, pending: true };
    operations.set(operation, fresh);
    copy.journal.adopt(fresh);
  }
  for (const [node, twin] of copies) {
    if (node.kind !== "directory" || twin.kind !== "directory") continue;
    twin.madeBy = node.madeBy && operations.get(node.madeBy);
    twin.madeIn = node.madeIn && copyDirectory(node.madeIn, copies);
  }
}
