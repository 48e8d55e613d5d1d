/** Names of contexts that YAML, or a program that reads it, could take for something else. */
export const hostileNames = [
  ...['a', 'yes', 'null', '~', '1e3', '0o7', '0x1F', '12:30:45', '2001-01-01', '<<', '=', '.inf', ''],
  ...['- x', '# x', 'a: b', '"', "'", '\\', '`', '%', '%2F', '*a', '&a', '!a', '|', '>'],
  ...['{a: b}', '[a]', '@'],
  ...['a\nb: c', ' a ', '\t', '\r\n', '---', '...', 'a\u0001b', '\u007f', '\u0085', '\u2028', '\ufeff'],
  ...['ü', '集群', '🦊', 'arn:aws:eks:eu:1:cluster/x@y', '../..', '$(id)', '"\n- name: "evil'],
  ...['\ufffe', '\uffff', 'x'.repeat(5000)],
];
