import { defineOptions } from '../lib/option.js';
import { bool, oneOf, text } from '../lib/value-type.js';

const options = defineOptions('General', {
  config: { type: text('FILE'), default: '', help: 'YAML file with flag names as keys.' },
  help: { type: bool, short: 'h', default: 'false', flagOnly: true, help: 'Print this text and exit.' },
  version: { type: bool, default: 'false', flagOnly: true, help: 'Print the version and exit.' },
});

/** The options about the options: the file, the help and the version. */
export const general = { options };

const loggingOptions = defineOptions('Logging', {
  logLevel: {
    type: oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
    default: 'info',
    help: 'Lowest level to log. Each request is one line at info.',
  },
  logRequests: {
    type: oneOf('all', 'errors', 'none'),
    default: 'all',
    help: 'Which requests are logged: all, those that failed (4xx, 5xx or no answer), or none.',
  },
  logFormat: {
    type: oneOf('auto', 'json', 'pretty'),
    default: 'auto',
    help: 'Format of the log: json has every field, pretty one short line for each event. auto is pretty on a terminal, else json.',
  },
});

/** The options of the program's log. */
export const logging = { options: loggingOptions };
