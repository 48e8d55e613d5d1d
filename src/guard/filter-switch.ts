import { defineOptions, type OptionValues } from '../lib/option.js';
import { bool } from '../lib/value-type.js';

const options = defineOptions('Filter', {
  disableFilter: {
    type: bool,
    default: 'false',
    help: 'Let every request through; any web page can then use a port that its reader can reach.',
  },
});

/** The switch of kubectl's filter, which is two guards here: `host` and `filter`. */
export const filterSwitch = { options };

export type FilterSwitch = OptionValues<typeof options>;
