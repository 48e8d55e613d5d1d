import { flagName, type OptionGroup } from '../lib/option.js';
import { kubectlFlags, verbosity } from './command-line.js';
import { commands } from './facts.js';
import { definitionOf, type OptionKey, optionKeys } from './table.js';

const width = 80;

const introduction = `kubectl proxy as a service: plain HTTP in, the kubeconfig's credentials added.

Usage:
${['', ...commands.map(({ usage }) => ` ${usage}`)].map(command => `  kube-api-proxy${command || ' [flags]'}`).join('\n')}

Examples:
  # The API of the kubeconfig's current context, on 127.0.0.1:8001
  kube-api-proxy

  # Another kubeconfig and context, on a free port (it is printed)
  kube-api-proxy --kubeconfig=FILE --context=NAME --port=0

  # The API below a prefix, and static files
  kube-api-proxy --api-prefix=/k8s-api --www=./public --www-prefix=/app/

  # Allow kubectl exec and attach, which are refused by default
  kube-api-proxy --reject-paths=''
${commands.map(({ example }) => `\n${example.replace(/^/gm, '  ')}\n`).join('')}`;

const sources = `Environment and file:
  A flag can also be set in the environment, as KUBE_API_PROXY_ and its name in
  capitals (KUBE_API_PROXY_ACCEPT_HOSTS), and as a key of the YAML file that
  --config names (accept-hosts: ['^localhost$', '^gw\\.local$']). A flag wins
  over the environment, the environment over the file. --help and --version are
  flags only; --config is not a key of the file.

  Durations have a unit: 300ms, 30s, 1h30m. --request-timeout also takes seconds
  without a unit. Regular expressions are those of Go, separated by commas. A
  list matches if one of its expressions matches anywhere in the text, or the
  whole name of a namespace or a context. An empty list matches nothing.
`;

const ignoredFlags = [...kubectlFlags.keys()].filter(name => name !== verbosity).map(name => `--${name}`);

const kubectlText =
  '-v=6 and higher is --log-level=debug, unless --log-level is set. These are ignored, with one line in the log: ' +
  `${ignoredFlags.join(', ')}. They exist on the command line only.`;

/** The text of --help: every option with its default, in groups, in lines of at most 80 columns. */
export function formatHelp(): string {
  const groups = new Map<OptionGroup, string[]>();
  for (const key of optionKeys.values()) {
    const { group } = definitionOf(key);
    groups.set(group, [...(groups.get(group) ?? []), formatOption(key)]);
  }
  const sections = [...groups].map(([group, options]) => `${group}:\n${options.join('')}`);
  return [introduction, ...sections, sources, `Flags of kubectl:\n${wrap(kubectlText, 2)}`].join('\n');
}

function formatOption(key: OptionKey): string {
  const { type, short, default: value, help } = definitionOf(key);
  const letter = short === undefined ? '    ' : `-${short}, `;
  const argument = type.placeholder === undefined ? '' : `=${type.placeholder}`;
  const isQuoted = type.placeholder !== undefined && !/^[\w.]+$/.test(value);
  const isOff = value === '' || (type.placeholder === undefined && value === 'false');
  const preset = isOff ? '' : ` (default ${isQuoted ? `'${value}'` : value})`;
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
