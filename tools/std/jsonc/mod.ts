/**
 * Stand-in for `@std/jsonc`, over `JSON.parse`.
 *
 * @module
 */

/** A JSON value. */
export type JsonValue =
  | { [key: string]: JsonValue | undefined }
  | JsonValue[]
  | string
  | number
  | boolean
  | null;

/**
 * Parses JSON with comments and trailing commas. Throws a `SyntaxError` for anything else.
 */
export function parse(text: string): JsonValue {
  try {
    return JSON.parse(withoutTrailingCommas(withoutComments(text)));
  } catch (error) {
    if (error instanceof SyntaxError) throw new SyntaxError(`Cannot parse JSONC: ${error.message}`);
    throw error;
  }
}

// Both patterns match strings first, so that nothing inside a string is treated as a comment or a comma. Blanks
// replace removed text, so that positions in the messages of JSON.parse are those of the input.

function withoutComments(text: string): string {
  return text.replace(
    /("(?:[^"\\]|\\[^])*")|\/\/[^\r\n]*|\/\*[^]*?\*\//g,
    (match, string?: string) => string ?? match.replace(/[^\r\n]/g, " "),
  );
}

/** Removes commas that follow a value and precede a closing bracket: `[,]` stays invalid. */
function withoutTrailingCommas(text: string): string {
  return text.replace(
    /("(?:[^"\\]|\\[^])*")|(?<=[^\s,:[{]\s*),(?=\s*[\]}])/g,
    (_match, string?: string) => string ?? " ",
  );
}
