/**
 * Schemas of files that an operator edits. The public types are interfaces; every
 * schema is checked against its interface with `satisfies`.
 *
 * @module
 */
import * as z from "zod";
import { invalidRequest } from "./errors.ts";
import { limits } from "./limits.ts";
import { textIssue } from "./shape.ts";

/** A short, non-blank name. */
export const nameSchema: z.ZodString = z.string().superRefine((name, context) => {
  const message = textIssue(name, limits.nameBytesMax, "caller");
  if (message !== undefined) context.addIssue(message);
});

/** Returns the value if it matches the schema; otherwise throws `invalid_request` with every issue. */
export function parseShape<T>(schema: z.ZodType<T>, value: unknown, action: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issues = result.error.issues.map((issue) => {
    const path = issue.path.map(String).join(".");
    return path === "" ? issue.message : `${path}: ${issue.message}`;
  });
  throw invalidRequest(action, ...issues);
}
