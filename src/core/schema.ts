/**
 * What the private zod schemas share. The public types are interfaces; every
 * schema is held against its interface with `satisfies`.
 *
 * @module
 */
import * as z from "zod";
import { invalidRequest } from "./errors.ts";
import { limits } from "./limits.ts";
import { fitsBytes } from "./text.ts";

function textSchema(bytesMax: number): z.ZodString {
  return z.string()
    .refine((text) => text.isWellFormed(), "a lone surrogate")
    .refine((text) => fitsBytes(text, bytesMax), `longer than ${bytesMax} bytes`);
}

function notBlank(schema: z.ZodString): z.ZodString {
  return schema.refine((text) => text.trim() !== "", "blank");
}

/** A short name that says something. */
export const nameSchema: z.ZodString = notBlank(textSchema(limits.nameBytesMax));

/** A longer text that says something. */
export const textOfWorkSchema: z.ZodString = notBlank(textSchema(limits.textBytesMax));

/** A count or an amount: a safe integer from 0. */
export const amountSchema: z.ZodNumber = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

/** The value if it has the shape; throws `invalid_request` that lists every issue otherwise. */
export function parseShape<T>(schema: z.ZodType<T>, value: unknown, action: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issues = result.error.issues.map((issue) => {
    const path = issue.path.map(String).join(".");
    return path === "" ? issue.message : `${path}: ${issue.message}`;
  });
  throw invalidRequest(action, ...issues);
}
