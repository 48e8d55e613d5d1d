import { wholeRegexpList } from '../../guard/regexp-list.js';
import { defineOptions } from '../../lib/option.js';

/** Which servers a found cluster may have. */
export const serverOptions = defineOptions('API server', {
  clustersFromServers: {
    type: wholeRegexpList,
    default: '',
    help: 'Hosts that the servers of found clusters may have, by whole names or addresses and without ports; all by default. Loopback and link-local addresses are always refused, but for a loopback address in the URL that one of these matches.',
  },
});
