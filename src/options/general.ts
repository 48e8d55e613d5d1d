import { defineOptions } from '../lib/option.js';
import { bool, text } from '../lib/value-type.js';

const options = defineOptions('General', {
  config: { type: text('FILE'), default: '', help: 'YAML file with flag names as keys.' },
  help: { type: bool, short: 'h', default: 'false', flagOnly: true, help: 'Print this text and exit.' },
  version: { type: bool, default: 'false', flagOnly: true, help: 'Print the version and exit.' },
});

/** The options about the options: the file, the help and the version. */
export const general = { options };
