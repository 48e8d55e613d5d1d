import { readFile, writeFile } from 'node:fs/promises';
import { projectFile } from '../project.js';
import { documents, withGeneratedParts } from './generated-parts.js';

for (const document of documents) {
  const file = projectFile(document);
  await writeFile(file, withGeneratedParts(await readFile(file, 'utf8')));
}
