import type { OptionKey } from './table.js';

/** The value of an option in one source (command line, environment or file) as a string, and where it is set. */
export interface Setting {
  readonly text: string;
  /** `--port`, `KUBE_API_PROXY_PORT` or `proxy.yaml:3: port`. */
  readonly where: string;
}

/** All settings of one source, and the problems of reading it, one line each. */
export interface Source {
  readonly settings: ReadonlyMap<OptionKey, Setting>;
  readonly problems: readonly string[];
}
