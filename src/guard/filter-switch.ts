import { defineOptions, type OptionValues } from '../lib/option.js';
import { bool } from '../lib/value-type.js';

const options = defineOptions('Filter', {
  disableFilter: {
    type: bool,
    default: 'false',
    help: 'Turn off the filter, and the rule that pages of other sites may only link here. Any page that a user opens can then use the port.',
  },
});

/** The switch that turns off kubectl's filter, which is two guards here, `host` and `filter`, and the guard `cross-site`. */
export const filterSwitch = { options };

export type FilterSwitch = OptionValues<typeof options>;
