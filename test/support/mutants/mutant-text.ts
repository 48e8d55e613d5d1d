import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import type { Mutant } from '@stryker-mutator/api/core';

/** What is the same for one mutant in each run, as long as its file is the same. */
export function keyOf({ fileName, location: { start, end }, mutatorName, replacement }: Mutant): string {
  const place = `${start.line}:${start.column}-${end.line}:${end.column}`;
  return `${relative('.', fileName)} ${place} ${mutatorName} ${replacement}`;
}

/** `src/a.ts:12:3: old → new`, shortened. */
export function describeMutant({ fileName, location: { start, end }, replacement }: Mutant): string {
  const lines = readFileSync(fileName, 'utf8')
    .split('\n')
    .slice(start.line, end.line + 1);
  lines.push((lines.pop() ?? '').slice(0, end.column));
  const text = lines.join(' ').slice(start.column);
  return `${relative('.', fileName)}:${start.line + 1}:${start.column + 1}: \`${short(text)}\` → \`${short(replacement)}\``;
}

function short(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > 80 ? `${line.slice(0, 79)}…` : line;
}

/** The code of its file with the mutant in it. */
export function withMutant({ fileName, location: { start, end }, replacement }: Mutant): string {
  const lines = readFileSync(fileName, 'utf8').split('\n');
  const before = [...lines.slice(0, start.line), (lines[start.line] ?? '').slice(0, start.column)].join('\n');
  const after = [(lines[end.line] ?? '').slice(end.column), ...lines.slice(end.line + 1)].join('\n');
  return `${before}${replacement}${after}`;
}
