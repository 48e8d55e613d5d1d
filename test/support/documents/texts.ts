import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { projectFile } from '../project.js';

/** A document of the project: its path, and its text. */
export interface Document {
  readonly path: string;
  readonly text: string;
}

/** Every document of the project. */
export const documents: readonly Document[] = readdirSync(projectFile('.'), {
  recursive: true,
  withFileTypes: true,
})
  .map(({ name, parentPath }) => relative(projectFile('.'), join(parentPath, name)))
  .filter(path => path.endsWith('.md') && !/(?:^|\/)(?:node_modules|build|dist)\//.test(path))
  .map(path => ({ path, text: readFileSync(projectFile(path), 'utf8') }));

/** The text of a document. Throws if there is none. */
export function textOf(path: string): string {
  const found = documents.find(document => document.path === path);
  if (found === undefined) throw new Error(`there is no document ${path}`);
  return found.text;
}

/** The code blocks of a text in one of the languages; '' means those without one. They may be indented, as in a list. */
export function blocksOf(text: string, ...languages: readonly string[]): string[] {
  return [...text.matchAll(/^( *)```(\w*)\n([\s\S]*?)^\1```$/gm)].flatMap(
    ([, indent = '', named = '', block = '']) =>
      languages.includes(named) ? [block.replaceAll(new RegExp(`^${indent}`, 'gm'), '')] : [],
  );
}
