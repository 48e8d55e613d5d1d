import type { Placement } from './placement.js';
import type { Settings } from './settings.js';
import type { Tools } from './tools.js';

/** What every part of one run needs: the settings, the tools, the processors to use, and a temporary folder. */
export interface Bench {
  readonly settings: Settings;
  readonly tools: Tools;
  readonly placement: Placement;
  readonly directory: string;
}
