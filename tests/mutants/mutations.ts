/**
 * Mutations of a source file, derived from its syntax tree. Types decide where
 * the tree is not enough: `+` on strings is left alone, and arguments are
 * swapped only where both have the same type.
 *
 * @module
 */
import ts from "typescript";

/** Kinds of mutations. */
export type MutationKind =
  | "arithmetic"
  | "await"
  | "block"
  | "boundary"
  | "condition"
  | "constant"
  | "early return"
  | "finally"
  | "logic"
  | "negation"
  | "statement"
  | "swap";

/** One change of one file. */
export interface Mutation {
  /** Path relative to the repository. */
  readonly file: string;
  /** Kind of the change. */
  readonly kind: MutationKind;
  /** Offset of the first replaced character. */
  readonly start: number;
  /** Offset after the last replaced character. */
  readonly end: number;
  /** Text put in its place. */
  readonly replacement: string;
  /** Number of the first changed line, from 1. */
  readonly line: number;
}

/** Adds a mutation that replaces a node. */
type Add = (kind: MutationKind, node: ts.Node, replacement: string) => void;

/** Operators and what replaces them. Boundary operators also get their negation. */
const OPERATORS: ReadonlyMap<ts.SyntaxKind, readonly (readonly [MutationKind, string])[]> = new Map([
  [ts.SyntaxKind.LessThanToken, [["boundary", "<="], ["negation", ">="]]],
  [ts.SyntaxKind.LessThanEqualsToken, [["boundary", "<"], ["negation", ">"]]],
  [ts.SyntaxKind.GreaterThanToken, [["boundary", ">="], ["negation", "<="]]],
  [ts.SyntaxKind.GreaterThanEqualsToken, [["boundary", ">"], ["negation", "<"]]],
  [ts.SyntaxKind.EqualsEqualsEqualsToken, [["negation", "!=="]]],
  [ts.SyntaxKind.ExclamationEqualsEqualsToken, [["negation", "==="]]],
  [ts.SyntaxKind.PlusToken, [["arithmetic", "-"]]],
  [ts.SyntaxKind.MinusToken, [["arithmetic", "+"]]],
  [ts.SyntaxKind.AsteriskToken, [["arithmetic", "/"]]],
  [ts.SyntaxKind.SlashToken, [["arithmetic", "*"]]],
  [ts.SyntaxKind.PercentToken, [["arithmetic", "*"]]],
  [ts.SyntaxKind.PlusEqualsToken, [["arithmetic", "-="]]],
  [ts.SyntaxKind.MinusEqualsToken, [["arithmetic", "+="]]],
  [ts.SyntaxKind.AmpersandToken, [["arithmetic", "|"]]],
  [ts.SyntaxKind.BarToken, [["arithmetic", "&"]]],
  [ts.SyntaxKind.AmpersandAmpersandToken, [["logic", "||"]]],
  [ts.SyntaxKind.BarBarToken, [["logic", "&&"]]],
  [ts.SyntaxKind.QuestionQuestionEqualsToken, [["logic", "="]]],
]);

/** Functions with an opposite of the same signature. */
const OPPOSITES: Readonly<Record<string, string>> = { min: "max", max: "min", some: "every", every: "some" };

/** Functions whose arguments may be swapped without effect. */
const COMMUTATIVE = /^Math\.(?:min|max|imul|hypot)$/;

/** Parses files together, so that types are known across them. Paths are relative to `root`. */
export class Sources {
  readonly #root: string;
  readonly #program: ts.Program;

  /** Parses `files`. Imports that do not resolve have the type `any`. */
  constructor(root: string, files: readonly string[]) {
    this.#root = root;
    this.#program = ts.createProgram(files.map((file) => `${root}/${file}`), {
      target: ts.ScriptTarget.ESNext,
      module: ts.ModuleKind.ESNext,
      moduleResolution: ts.ModuleResolutionKind.Bundler,
      allowImportingTsExtensions: true,
      noEmit: true,
      strict: true,
      types: [],
    });
  }

  /** All mutations of a file, in the order of their places. */
  mutationsOf(file: string): Mutation[] {
    const source = this.#program.getSourceFile(`${this.#root}/${file}`);
    if (source === undefined) throw new Error(`Cannot mutate ${file}: it is not among the sources`);
    const found: Mutation[] = [];
    const add: Add = (kind, node, replacement) => {
      const start = node.getStart(source);
      const line = source.getLineAndCharacterOfPosition(start).line + 1;
      found.push({ file, kind, start, end: node.getEnd(), replacement, line });
    };
    visit(source, source, this.#program.getTypeChecker(), add);
    return found.sort((a, b) => a.start - b.start || a.end - b.end);
  }
}

function visit(node: ts.Node, source: ts.SourceFile, checker: ts.TypeChecker, add: Add): void {
  if (ts.isTypeNode(node) || ts.isImportDeclaration(node) || ts.isInterfaceDeclaration(node)) return;
  mutate(node, source, checker, add);
  ts.forEachChild(node, (child) => visit(child, source, checker, add));
}

function mutate(node: ts.Node, source: ts.SourceFile, checker: ts.TypeChecker, add: Add): void {
  if (ts.isBinaryExpression(node)) mutateOperator(node, checker, add);
  else if (ts.isPrefixUnaryExpression(node)) mutatePrefix(node, source, add);
  else if (ts.isPostfixUnaryExpression(node)) {
    const text = node.operand.getText(source);
    add("arithmetic", node, node.operator === ts.SyntaxKind.PlusPlusToken ? `${text}--` : `${text}++`);
  } else if (ts.isIfStatement(node) || ts.isWhileStatement(node)) {
    mutateCondition(node.expression, add);
  } else if (ts.isConditionalExpression(node)) mutateCondition(node.condition, add);
  else if (ts.isForStatement(node) && node.condition !== undefined) add("condition", node.condition, "false");
  else if (ts.isAwaitExpression(node)) add("await", node, node.expression.getText(source));
  else if (ts.isNumericLiteral(node)) add("constant", node, `(${node.text} + 1)`);
  else if (node.kind === ts.SyntaxKind.TrueKeyword) add("constant", node, "false");
  else if (node.kind === ts.SyntaxKind.FalseKeyword) add("constant", node, "true");
  else if (ts.isCallExpression(node)) mutateCall(node, source, checker, add);
  else if (ts.isTryStatement(node)) mutateTry(node, add);
  else if (ts.isBlock(node)) mutateBlock(node, add);
  else if (isRemovable(node)) add("statement", node, ";");
}

function mutateOperator(node: ts.BinaryExpression, checker: ts.TypeChecker, add: Add): void {
  const { operatorToken } = node;
  if (operatorToken.kind === ts.SyntaxKind.QuestionQuestionToken) {
    add("logic", node, node.left.getText());
    return;
  }
  if (/^\+/.test(operatorToken.getText()) && !isNumber(checker, node.left)) return;
  for (const [kind, text] of OPERATORS.get(operatorToken.kind) ?? []) add(kind, operatorToken, text);
}

function mutatePrefix(node: ts.PrefixUnaryExpression, source: ts.SourceFile, add: Add): void {
  const operand = node.operand.getText(source);
  if (node.operator === ts.SyntaxKind.ExclamationToken) add("negation", node, operand);
  if (node.operator === ts.SyntaxKind.MinusToken) add("arithmetic", node, operand);
  if (node.operator === ts.SyntaxKind.PlusPlusToken) add("arithmetic", node, `--${operand}`);
  if (node.operator === ts.SyntaxKind.MinusMinusToken) add("arithmetic", node, `++${operand}`);
}

function mutateCondition(condition: ts.Expression, add: Add): void {
  add("condition", condition, "true");
  add("condition", condition, "false");
}

function mutateCall(node: ts.CallExpression, source: ts.SourceFile, checker: ts.TypeChecker, add: Add): void {
  if (ts.isPropertyAccessExpression(node.expression)) {
    const { name } = node.expression;
    const opposite = Object.hasOwn(OPPOSITES, name.text) ? OPPOSITES[name.text] : undefined;
    if (opposite !== undefined) add("arithmetic", name, opposite);
  }
  if (COMMUTATIVE.test(node.expression.getText(source))) return;
  for (const [index, left] of node.arguments.entries()) {
    const right = node.arguments[index + 1];
    if (right === undefined || left.getText(source) === right.getText(source)) continue;
    if (!haveSameType(checker, left, right)) continue;
    const [first, second] = [left.getText(source), right.getText(source)];
    const between = source.text.slice(left.getEnd(), right.getStart(source));
    const all = node.arguments.map((argument) => argument.getText(source));
    all.splice(index, 2, `${second}${between}${first}`);
    add("swap", node, `${node.expression.getText(source)}(${all.join(", ")})`);
  }
}

function mutateTry(node: ts.TryStatement, add: Add): void {
  if (node.finallyBlock !== undefined) add("finally", node.finallyBlock, "{}");
}

function mutateBlock(node: ts.Block, add: Add): void {
  const { statements, parent } = node;
  const [first] = statements;
  if (first === undefined || (ts.isTryStatement(parent) && parent.finallyBlock === node)) return;
  add("block", node, "{}");
  if (ts.isFunctionLike(parent) && statements.length > 2) {
    add("early return", first, `${first.getText()} return;`);
  }
}

/** Returns true if the file still parses after removal of a statement. */
function isRemovable(node: ts.Node): boolean {
  return ts.isExpressionStatement(node) || ts.isThrowStatement(node) || ts.isBreakStatement(node) ||
    ts.isContinueStatement(node) || (ts.isReturnStatement(node) && !ts.isFunctionLike(node.parent.parent));
}

function isNumber(checker: ts.TypeChecker, node: ts.Expression): boolean {
  return (checker.getTypeAtLocation(node).flags & ts.TypeFlags.NumberLike) !== 0;
}

function haveSameType(checker: ts.TypeChecker, left: ts.Expression, right: ts.Expression): boolean {
  const [a, b] = [left, right].map((node) =>
    checker.getBaseTypeOfLiteralType(checker.getTypeAtLocation(node))
  );
  if (a === undefined || b === undefined || (a.flags & ts.TypeFlags.Any) !== 0) return false;
  return a === b || checker.typeToString(a) === checker.typeToString(b);
}
