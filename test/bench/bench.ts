import type { Placement } from './placement.js';
import type { Settings } from './settings.js';
import type { Tools } from './tools.js';

/** What every part of one run needs: its settings, the tools, their processors, and a temporary folder. */
export interface Bench {
  readonly settings: Settings;
  readonly tools: Tools;
  readonly placement: Placement;
  readonly directory: string;
}
