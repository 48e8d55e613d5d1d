import type { Path } from '../../../lib/yaml-document.js';

/** A problem of the file, in one line. */
export interface Problem {
  readonly text: string;
  /** The same without the text of expressions: readyz tells it to everybody. */
  readonly publicText: string;
}

/** Reports a problem at a path, such as `['jwt', 0, 'issuer', 'url']`. The detail is for the log alone. */
export type Report = (path: Path, problem: string, detail?: string) => void;
