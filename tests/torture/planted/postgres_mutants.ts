/**
 * Bugs in the lease and the fence of the PostgreSQL store.
 *
 * @module
 */
import type { Mutant } from "./mutants.ts";

/** All of them. */
export const postgresMutants: readonly Mutant[] = [
  {
    name: "a lease counts from its answer",
    file: "postgres/lease.ts",
    find: "    this.#validUntil = sentAt + this.#leaseMs * RATE;",
    replace: "    void sentAt;\n    this.#validUntil = this.#clock.now() + this.#leaseMs * RATE;",
    first: ["leases"],
    share: 0.1,
  },
  {
    name: "an owner acknowledges what happened before its lease ran out",
    file: "postgres/fence.ts",
    find: "\n    if (this.failure !== undefined || !this.#lease.isHeld()) await this.#throwEnd();\n  }",
    replace: "\n  }",
    first: ["leases"],
  },
  {
    name: "a statement without an answer is not settled",
    file: "postgres/fence.ts",
    find: "hasHappened(await this.#settle())",
    replace: "hasHappened(this.acknowledged)",
    first: ["leases"],
  },
  {
    name: "a store opens after its lease ran out",
    file: "postgres/store.ts",
    find: "      this.#fence.assertHeld();\n      return { displayName };",
    replace: "      return { displayName };",
    first: ["leases"],
  },
  {
    name: "a lost connection counts as a rejection",
    file: "postgres/client.ts",
    find: "const REJECTED = /^(22|",
    replace: "const REJECTED = /^(|22|",
    first: ["leases"],
  },
  {
    name: "a settled statement is settled for the epoch alone",
    file: "postgres/fence.ts",
    find: "WHERE no = $1 AND claim = $2 RETURNING epoch, last_id",
    replace: "WHERE no = $1 AND epoch = $3 AND claim = $2 RETURNING epoch, last_id",
    first: ["leases"],
    share: 0.02,
  },
];
