import { readFile, writeFile } from 'node:fs/promises';
import { projectFile } from '../project.js';
import { documents, withTables } from './readme-tables.js';

for (const document of documents) {
  const file = projectFile(document);
  await writeFile(file, withTables(await readFile(file, 'utf8')));
}
