import { writeFile } from 'node:fs/promises';
import { projectFile } from '../project.js';
import { manifestsOfChart } from './chart-manifests.js';

for (const [file, text] of manifestsOfChart()) await writeFile(projectFile(file), text);
