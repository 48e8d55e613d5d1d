import type { OptionGroup } from '../lib/option.js';
import { kubectlFlags, verbosity } from './kubectl-flags.js';
import { definitionOf, flagName, optionKeys } from './table.js';

const width = 100;

const introduction = `An always-on kubectl proxy: plain HTTP in, a kubeconfig's credentials out to the API server.

Usage:
  kube-api-proxy [flags]

Examples:
  # The whole API of the kubeconfig's current context on 127.0.0.1:8001
  kube-api-proxy

  # Another kubeconfig and context, on any free port (it is printed)
  kube-api-proxy --kubeconfig=FILE --context=NAME --port=0

  # The API under a prefix of its own, beside static files
  kube-api-proxy --api-prefix=/k8s-api --www=./public --www-prefix=/app/

  # kubectl exec and attach are refused unless the filter is told otherwise
  kube-api-proxy --reject-paths=''
`;

const sources = `Environment and file:
  Every flag but --help and --version can also be set as KUBE_API_PROXY_ and its name in capitals,
  such as KUBE_API_PROXY_ACCEPT_HOSTS, and all of them but --config as a key of the YAML file that
  --config names, such as accept-hosts: ['^localhost$', '^gw\\.local$']. A flag wins over the
  environment, the environment over the file.

  Durations have a unit (300ms, 30s, 1h30m). Regular expressions are Go's, in lists with commas
  between them; a list means whatever any of its expressions is found in, an empty list nothing.
`;

const ignoredFlags = [...kubectlFlags.keys()].filter(name => name !== verbosity).map(name => `--${name}`);

const kubectlText =
  '-v=6 and higher is --log-level=debug, unless --log-level is given as well. These mean nothing here and are ' +
  `ignored, with one line in the log: ${ignoredFlags.join(', ')}. They exist on the command line alone, not ` +
  'in the environment or the file.';

/** The text of --help: every option with its default, in groups, lines of at most 100 columns. */
export function formatHelp(): string {
  const groups = new Map<OptionGroup, string[]>();
  for (const [flag, key] of optionKeys) {
    const { group } = definitionOf(key);
    groups.set(group, [...(groups.get(group) ?? []), formatOption(flag)]);
  }
  const sections = [...groups].map(([group, options]) => `${group}:\n${options.join('')}`);
  return [introduction, ...sections, sources, `Flags of kubectl:\n${wrap(kubectlText, 2)}`].join('\n');
}

function formatOption(flag: string): string {
  const key = optionKeys.get(flag);
  if (key === undefined) return '';
  const { type, short, default: value, help } = definitionOf(key);
  const letter = short === undefined ? '    ' : `-${short}, `;
  const argument = type.placeholder === undefined ? '' : `=${type.placeholder}`;
  const isQuoted = type.placeholder !== undefined && !/^[\w.]+$/.test(value);
  const preset =
    type.placeholder === undefined || value === '' ? '' : ` (default ${isQuoted ? `'${value}'` : value})`;
  return `  ${letter}--${flagName(key)}${argument}\n${wrap(`${help}${preset}`, 6)}`;
}

function wrap(sentence: string, indent: number): string {
  const lines: string[] = [];
  let line = '';
  for (const word of sentence.split(' ')) {
    if (line !== '' && indent + line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line].map(text => `${' '.repeat(indent)}${text}\n`).join('');
}
