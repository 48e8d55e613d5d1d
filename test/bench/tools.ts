import { spawnSync } from 'node:child_process';
import { findProgram, searchPath } from '../support/installed.js';

const debianPackages = {
  ...{ kubectl: 'kubernetes-client', nginx: 'nginx', wrk: 'wrk' },
  /** Pins processes to processors. */
  taskset: 'util-linux',
};

/** Paths of the programs that the benchmark runs. */
export type Tools = Readonly<Record<keyof typeof debianPackages, string>>;

/** Finds the tools on PATH; throws one error that names the Debian package of each missing one. */
export function findTools(): Tools {
  // Debian installs nginx in a folder that is only in the administrator's PATH.
  const folders = [...searchPath(), '/usr/sbin', '/usr/local/sbin'];
  const found = Object.entries(debianPackages).map(([name, from]) => {
    const path = findProgram(name, folders);
    return { name, path, problem: `${name} is not on PATH; Debian has it in package ${from}` };
  });
  const missing = found.filter(({ path }) => path === undefined);
  if (missing.length > 0) throw new Error(missing.map(({ problem }) => problem).join('\n'));
  return Object.fromEntries(found.map(({ name, path }) => [name, path])) as Tools;
}

/** The versions that the tools and the Node binary under test print. Throws if one does not run. */
export function toolVersions({ kubectl, nginx, wrk }: Tools, node: string): Record<string, string> {
  const said = (command: string, ...args: string[]): string => {
    const { error, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
    if (error) throw error;
    return /\d+\.\d+[\w.]*/.exec(`${stdout}${stderr}`)?.[0] ?? 'unknown';
  };
  return {
    ...{ node: said(node, '--version'), kubectl: said(kubectl, 'version', '--client') },
    ...{ nginx: said(nginx, '-v'), wrk: said(wrk, '-v') },
  };
}
