import { execFileSync, spawnSync } from 'node:child_process';
import { findProgram, searchPath } from '../support/installed.js';

/** Paths of the programs that the benchmark runs. */
export interface Tools {
  readonly kubectl: string;
  readonly nginx: string;
  readonly wrk: string;
  /** Pins processes to processors; optional. */
  readonly taskset: string | undefined;
}

const debianPackages = { kubectl: 'kubernetes-client', nginx: 'nginx', wrk: 'wrk' } as const;

/** Finds the tools on PATH; throws one error that names the Debian package of each missing one. */
export function findTools(): Tools {
  const names = Object.keys(debianPackages) as (keyof typeof debianPackages)[];
  const missing = names.filter(name => which(name) === undefined);
  if (missing.length > 0) {
    const lines = missing.map(
      name => `${name} is not on PATH; Debian has it in package ${debianPackages[name]}`,
    );
    throw new Error(lines.join('\n'));
  }
  return {
    kubectl: which('kubectl') as string,
    nginx: which('nginx') as string,
    wrk: which('wrk') as string,
    taskset: which('taskset'),
  };
}

/** The versions that the tools and the Node binary under test print. Throws if that binary does not run. */
export function toolVersions({ kubectl, nginx, wrk }: Tools, node: string): Record<string, string> {
  const said = (command: string, args: readonly string[]): string => {
    const { stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
    return /\d+\.\d+[\w.]*/.exec(`${stdout}${stderr}`)?.[0] ?? 'unknown';
  };
  return {
    node: execFileSync(node, ['--version'], { encoding: 'utf8' }).trim().replace(/^v/, ''),
    kubectl: said(kubectl, ['version', '--client']),
    nginx: said(nginx, ['-v']),
    wrk: said(wrk, ['-v']),
  };
}

// Debian installs nginx in a folder that is only in the administrator's PATH.
function which(name: string): string | undefined {
  return findProgram(name, [...searchPath(), '/usr/sbin', '/usr/local/sbin']);
}
