import type { Feature } from '../../feature.js';
import { explorer as page } from './explorer.js';
import { type ExplorerOptions, options, problems } from './options.js';
import { rules } from './rules.js';
import { signIn } from './sign-in.js';

/** A page that shows the API in a browser, and what it asks the proxy. */
export const explorer = {
  name: 'explorer',
  options,
  problems,
  endpoints: [page, signIn, rules],
} as const satisfies Feature<ExplorerOptions>;
