import type { OptionKey } from './table.js';

/** What one source (command line, environment or file) says of an option: its text, and where that stands. */
export interface Setting {
  readonly text: string;
  /** `--port`, `KUBE_API_PROXY_PORT` or `proxy.yaml:3: port`. */
  readonly where: string;
}

/** All that one source says, and what is wrong with how it says it, one line each. */
export interface Source {
  readonly settings: ReadonlyMap<OptionKey, Setting>;
  readonly problems: readonly string[];
}
