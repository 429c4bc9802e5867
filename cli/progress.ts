/**
 * A progress bar on the standard error, where that is a terminal.
 *
 * @module
 */
import progress from "cli-progress";
import process from "node:process";
import type { OperationOptions, OperationProgress } from "../operate.ts";
import type { Io } from "./io.ts";
import { amount, bytes } from "./units.ts";

/** Runs work with a progress bar that goes away when it ends. */
export async function withProgress<T>(
  io: Io,
  quiet: boolean | undefined,
  work: (options: OperationOptions) => Promise<T>,
): Promise<T> {
  if (quiet || !io.progress) return await work({ signal: io.signal });
  const bar = new progress.SingleBar({
    stream: process.stderr,
    format: "{stage} {bar} {percentage}%  {amount}",
    barsize: 24,
    clearOnComplete: true,
    hideCursor: false,
    stopOnComplete: false,
  }, progress.Presets.shades_classic);
  let isOn = false;
  const onProgress = ({ stage, done, total, unit }: OperationProgress): void => {
    const show = unit === "bytes" ? bytes : amount;
    const payload = { stage: stage.padEnd(11), amount: `${show(done)} of ${show(total)}` };
    if (!isOn) bar.start(Math.max(1, total), done, payload);
    isOn = true;
    bar.setTotal(Math.max(1, total));
    bar.update(Math.min(done, total), payload);
  };
  try {
    return await work({ signal: io.signal, onProgress });
  } finally {
    if (isOn) bar.stop();
  }
}
