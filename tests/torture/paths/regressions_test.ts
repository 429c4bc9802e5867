// Cases of the suite that once broke its oracle. Their calls are found by what they do: the numbers change with
// the code, these do not.

import { assert } from "@std/assert";
import type { DiskCall } from "../../disk/mod.ts";
import { HOME } from "../../kit/opened.ts";
import { stillClock } from "../script/stage.ts";
import { workloads } from "../workloads.ts";
import { runCase, soundRun } from "./intruded.ts";
import { intrusions } from "./intrusions.ts";
import { objects } from "./objects.ts";

/** A call of a script, and the intrusion before it. */
interface Regression {
  readonly name: string;
  readonly workload: string;
  /** Operation and path of the call, by the end of the path. */
  readonly call: readonly [operation: DiskCall["operation"], path: string];
  /** Number of calls like that before it. */
  readonly skip?: number;
  readonly object: string;
  readonly intrusion: string;
  readonly isDuring?: boolean;
}

const log = `${HOME}/events/`;

const regressions: readonly Regression[] = [
  {
    name: "does not acknowledge an event when an older copy takes the store's place before its sync",
    workload: "inputs",
    call: ["syncDataNow", log],
    skip: 3,
    object: "home",
    intrusion: "older",
  },
  {
    name: "does not acknowledge an event when the store is moved while its sync is under way",
    workload: "slow-device",
    call: ["syncData", log],
    skip: 2,
    object: "runtimes",
    intrusion: "away",
    isDuring: true,
  },
  {
    name: "does not acknowledge an event when the open segment is renamed before its sync",
    workload: "inputs",
    call: ["syncDataNow", log],
    skip: 3,
    object: "newest",
    intrusion: "away",
  },
  {
    name: "does not acknowledge an event when a copy takes the place of the lock",
    workload: "inputs",
    call: ["syncDataNow", log],
    skip: 3,
    object: "lock",
    intrusion: "copied",
  },
  {
    name: "does not acknowledge an event when another host's log takes the place of its own",
    workload: "rotation",
    call: ["syncDataNow", log],
    skip: 5,
    object: "events",
    intrusion: "other",
  },
  {
    name: "does not begin a segment in a copy that took the place of the store",
    workload: "rotation",
    call: ["truncate", log],
    object: "runtimes",
    intrusion: "copied",
  },
  {
    name: "does not write projections into a directory of workers with the inode number of the removed one",
    workload: "inputs",
    call: ["open", "/worker.json.tmp"],
    object: "workers",
    intrusion: "remade",
  },
  {
    name: "does not write a checkpoint into a store that another host went on with",
    workload: "large",
    call: ["open", "/checkpoint.json.tmp"],
    object: "home",
    intrusion: "other",
  },
  {
    name: "does not return the events of another store when an older segment is replaced",
    workload: "transcripts",
    call: ["syncDataNow", log],
    skip: 10,
    object: "oldest",
    intrusion: "other",
  },
  {
    name: "does not leave a segment in an older copy that takes the place of the log at its creation",
    workload: "rotation",
    call: ["open", "/0000000000000015.jsonl"],
    object: "events",
    intrusion: "older",
  },
  {
    name: "does not leave a segment in an older copy that takes the place of the store at its creation",
    workload: "slow-device",
    call: ["open", "/0000000000000020.jsonl"],
    object: "home",
    intrusion: "older",
  },
  {
    name: "does not name a copy of an unfinished blob when its directory is replaced before it is named",
    workload: "blobs",
    call: ["sync", "/incoming/1"],
    object: "incoming",
    intrusion: "copied",
  },
  {
    name: "does not promise a blob when another worker's blobs take the place of its directory",
    workload: "blob-references",
    call: ["syncDirectory", "/workers/a/blobs"],
    object: "workers/a/blobs",
    intrusion: "swapped",
    isDuring: true,
  },
];

for (
  const { name, workload, call: [operation, path], skip = 0, object, intrusion, isDuring = false }
    of regressions
) {
  Deno.test({
    name: `FsRuntimeStore ${name}`,
    sanitizeOps: false,
    fn: async () => {
      using _clock = stillClock();
      const script = workloads.find((one) => one.name === workload);
      const target = objects.find((one) => one.name === object);
      const act = intrusions.find((one) => one.name === intrusion);
      assert(script !== undefined && target !== undefined && act !== undefined);
      const { calls, ...sound } = await soundRun(script);
      const found = calls.filter((call) =>
        call.operation === operation && (path === log ? call.path.startsWith(log) : call.path.endsWith(path))
      );
      const call = found[skip];
      assert(call !== undefined, "the script makes such a call");
      for (const isKilled of [false, true]) {
        const one = { workload: script, call, object: target, intrusion: act, isDuring, isKilled, ...sound };
        assert(await runCase({ ...one, isThorough: true }), "the object exists at that call");
      }
    },
  });
}
