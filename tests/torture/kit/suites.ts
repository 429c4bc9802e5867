/**
 * The suites of these folders.
 *
 * @module
 */
import { corruption } from "../corruption/mod.ts";
import { interleavings } from "../interleavings/mod.ts";
import { interplay } from "../interplay/mod.ts";
import { leases } from "../leases/mod.ts";
import { model } from "../model/mod.ts";
import { patroni } from "../patroni/mod.ts";
import { postgres } from "../postgres/mod.ts";
import { processes } from "../processes/mod.ts";
import { system } from "../system/mod.ts";
import type { Suite } from "../suite.ts";

/** All of them. */
export const moreSuites: readonly Suite[] = [
  corruption,
  model,
  processes,
  system,
  interleavings,
  leases,
  interplay,
  postgres,
  patroni,
];
