import { readFile, writeFile } from 'node:fs/promises';
import { projectFile } from './project.js';
import { withTables } from './readme-tables.js';

const readme = projectFile('README.md');
await writeFile(readme, withTables(await readFile(readme, 'utf8')));
