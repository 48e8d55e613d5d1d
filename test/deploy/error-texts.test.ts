import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { textOf } from '../support/documents/texts.js';
import { projectFile } from '../support/project.js';

/** Errors that other programs write. */
const othersTexts = new Set([
  // curl, by OpenSSL
  'wrong version number',
  // the API server
  'cannot impersonate resource "serviceaccounts" … in the namespace "…"',
  'User "…" cannot impersonate resource',
]);

/** The errors that a document quotes where it says what one sees: in first cells, or before a colon. Three dots stand for any text. */
function errorsOf(path: string): string[] {
  const seen = textOf(path).matchAll(
    /^(?:\| ([^|]*) \||- (?:\*\*)?((?=\d{3} |`|at start )(?:`[^`]*`|[^:`]|:(?! ))*): )/gm,
  );
  return [...seen].flatMap(([, cell, line]) =>
    [...(cell ?? line ?? '').matchAll(/`([^`]+)`/g)].flatMap(([, code = '']) =>
      / /.test(code) ? [code] : [],
    ),
  );
}

/** The string literals of the program. Three dots stand for what a template fills in. */
const literals = readdirSync(projectFile('src'), { recursive: true, withFileTypes: true })
  .filter(({ name }) => name.endsWith('.ts'))
  .flatMap(({ name, parentPath }) => {
    const source = readFileSync(join(parentPath, name), 'utf8');
    return source.match(/'(?:[^'\\\n]|\\.)+'|"(?:[^"\\\n]|\\.)+"|`(?:[^`\\]|\\.)+`/g) ?? [];
  })
  .map(literal => literal.slice(1, -1).replaceAll(/\$\{(?:[^{}]|\{[^{}]*\})*\}/g, '…'));

/** A pattern for a text, in which three dots stand for any text. */
function patternOf(text: string): RegExp {
  return new RegExp(text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&').replaceAll('…', '.*'));
}

/** Whether the error is a part of a literal, or has a whole one. */
function isInProgram(error: string): boolean {
  const pattern = patternOf(error.replaceAll('"…"', '…'));
  return literals.some(
    literal =>
      pattern.test(literal) ||
      (/\w+ \w+/.test(literal) && literal.length > 15 && patternOf(literal).test(error)),
  );
}

for (const [path, least] of [
  ['deploy/reference/errors.md', 40],
  ['deploy/operations.md', 4],
] as const) {
  test(`every error in ${path} is one that the program has`, () => {
    const errors = errorsOf(path);
    assert.ok(errors.length >= least, errors.join());
    assert.deepEqual(
      errors.filter(error => !othersTexts.has(error) && !isInProgram(error)),
      [],
    );
  });
}
