import { writeFile } from 'node:fs/promises';
import { manifestsOfChart } from './chart-manifests.js';
import { projectFile } from './project.js';

for (const [file, text] of manifestsOfChart()) await writeFile(projectFile(file), text);
