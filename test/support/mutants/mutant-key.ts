import { relative } from 'node:path';
import type { Mutant } from '@stryker-mutator/api/core';

/** What is the same for one mutant in each run, as long as its file is the same. */
export function keyOf({ fileName, location: { start, end }, mutatorName, replacement }: Mutant): string {
  const place = `${start.line}:${start.column}-${end.line}:${end.column}`;
  return `${relative(process.cwd(), fileName)} ${place} ${mutatorName} ${replacement}`;
}
