// Every type that a public signature names is exported by one of the entry points, and every exported name has a comment.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MANIFEST: { readonly exports: Readonly<Record<string, string>> } = JSON.parse(
  readFileSync(join(ROOT, 'package.json'), 'utf8'),
);
const ENTRIES = Object.values(MANIFEST.exports).map((path) => join(ROOT, path));
const INVENTED = join(ROOT, 'src/invented.ts');
const OPTIONS = ts.parseJsonConfigFileContent(
  ts.readConfigFile(join(ROOT, 'tsconfig.json'), ts.sys.readFile).config,
  ts.sys,
  ROOT,
).options;

/** A program over files of the repository, and one more whose text is given. */
function createProgram(files: readonly string[], invented?: string): ts.Program {
  const host = ts.createCompilerHost(OPTIONS);
  const { readFile, fileExists } = host;
  host.readFile = (path) => (path === INVENTED && invented !== undefined ? invented : readFile(path));
  host.fileExists = (path) => (path === INVENTED && invented !== undefined) || fileExists(path);
  return ts.createProgram([...files, ...(invented === undefined ? [] : [INVENTED])], OPTIONS, host);
}

/**
 * The types that the declaration of a public name shows: bodies, values, and members that are private or `@internal`
 * are left out.
 */
function* typesNamedIn(node: ts.Node): Generator<ts.Identifier> {
  const isHidden =
    ts.getJSDocTags(node).some((tag) => tag.tagName.text === 'internal') ||
    ts.isBlock(node) ||
    (ts.isClassElement(node) && node.name !== undefined && ts.isPrivateIdentifier(node.name)) ||
    (ts.canHaveModifiers(node) && ts.getModifiers(node)?.some(({ kind }) => kind === ts.SyntaxKind.PrivateKeyword));
  if (isHidden || isImplementation(node)) return;
  if (ts.isTypeReferenceNode(node) && ts.isIdentifier(node.typeName)) yield node.typeName;
  if (ts.isExpressionWithTypeArguments(node) && ts.isIdentifier(node.expression)) yield node.expression;
  const isTyped = ts.isPropertyDeclaration(node) || ts.isVariableDeclaration(node) || ts.isParameter(node);
  for (const child of node.getChildren()) {
    if (isTyped && child === node.initializer) continue;
    yield* typesNamedIn(child);
  }
}

/** Tells whether a method is the body of overloads, which callers don't see. */
function isImplementation(node: ts.Node): boolean {
  if (!ts.isMethodDeclaration(node) || node.body === undefined || !ts.isClassDeclaration(node.parent)) return false;
  return node.parent.members.some((other) => other !== node && other.name?.getText() === node.name.getText());
}

/** `name of declaration` of each type of the project that a public declaration of an entry point names and no entry point exports. */
function missingTypes(program: ts.Program, entry: string, others: readonly string[] = []): string[] {
  const checker = program.getTypeChecker();
  const resolved = (symbol: ts.Symbol) =>
    symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  const exportsOf = (file: string): ts.Symbol[] => {
    const source = program.getSourceFile(file);
    const module = source && checker.getSymbolAtLocation(source);
    return module ? checker.getExportsOfModule(module).map(resolved) : [];
  };
  const exported = new Set([entry, ...others].flatMap(exportsOf));
  const missing = new Set<string>();
  for (const symbol of exportsOf(entry)) {
    for (const declaration of symbol.declarations ?? []) {
      if (declaration.getSourceFile().fileName.includes('node_modules')) continue;
      for (const name of typesNamedIn(declaration)) {
        const found = checker.getSymbolAtLocation(name);
        const type = found && resolved(found);
        const [home] = type?.declarations ?? [];
        if (type === undefined || home === undefined || type.flags & ts.SymbolFlags.TypeParameter) continue;
        const file = home.getSourceFile().fileName;
        // A type that its own file does not export is a step of a computation on types.
        const isShared = ts.getCombinedModifierFlags(home) & ts.ModifierFlags.Export || file === INVENTED;
        const isOwn = file.startsWith(join(ROOT, 'src/')) && !file.endsWith('platform-types.ts');
        if (isOwn && isShared && !exported.has(type)) missing.add(`${name.text} of ${symbol.name}`);
      }
    }
  }
  return [...missing].sort();
}

/** `file: name` of each exported declaration without a comment. */
function undocumented(program: ts.Program, files: readonly string[]): string[] {
  const checker = program.getTypeChecker();
  return files.flatMap((file) => {
    const source = program.getSourceFile(file);
    const module = source && checker.getSymbolAtLocation(source);
    return (module ? checker.getExportsOfModule(module) : [])
      .filter((symbol) => !(symbol.flags & ts.SymbolFlags.Alias))
      .filter((symbol) => symbol.getDocumentationComment(checker).length + symbol.getJsDocTags().length === 0)
      .map(({ name }) => `${relative(ROOT, file)}: ${name}`);
  });
}

const sources = ['src', 'bench'].flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join(ROOT, folder, file)),
);
const program = createProgram(sources);

describe('the entry points', () => {
  test.each(ENTRIES.map((entry) => relative(ROOT, entry)))('%s names no type that none exports', (entry) => {
    expect(missingTypes(program, join(ROOT, entry), ENTRIES)).toEqual([]);
  });

  test('would be found without one', () => {
    const text = `
      interface Hidden { readonly a: number }
      interface Inner { readonly b: Hidden }
      interface Secret { readonly c: Hidden }
      export class Shown { readonly #own: Hidden | null = null; field: Inner | null = null; #g(): Secret | null { return null } f(): Hidden | null { return this.#own } }
    `;
    expect(missingTypes(createProgram([], text), INVENTED)).toEqual(['Hidden of Shown', 'Inner of Shown']);
  });
});

test('every exported name of src and bench has a comment', () => {
  expect(undocumented(program, sources)).toEqual([]);
});

test('one without a comment would be found', () => {
  const text = '/** Has one. */\nexport const a = 1;\nexport const b = 2;\n';
  expect(undocumented(createProgram([], text), [INVENTED])).toEqual(['src/invented.ts: b']);
});
