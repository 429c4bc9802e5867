/**
 * Stand-in for `@std/jsonc`, over `JSON.parse`.
 *
 * @module
 */

/** What JSONC can hold. */
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

// Both patterns match strings first, so that nothing inside a string is taken for a comment or a comma. What is
// taken out leaves blanks behind: the positions in the messages of JSON.parse stay those of the text.

function withoutComments(text: string): string {
  return text.replace(
    /("(?:[^"\\]|\\[^])*")|\/\/[^\r\n]*|\/\*[^]*?\*\//g,
    (match, string?: string) => string ?? match.replace(/[^\r\n]/g, " "),
  );
}

/** Takes out commas that follow a value and precede a closing bracket: `[,]` stays wrong. */
function withoutTrailingCommas(text: string): string {
  return text.replace(
    /("(?:[^"\\]|\\[^])*")|(?<=[^\s,:[{]\s*),(?=\s*[\]}])/g,
    (_match, string?: string) => string ?? " ",
  );
}
