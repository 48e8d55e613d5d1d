/** Texts that a shell, a program or a URL could take for something else. */
export const evil = [
  "it's",
  "'; touch /tmp/owned; '",
  '$(id)`id`$HOME$' + '{HOME}',
  ...['"double" \\ back\\\\slash', '!history !! * ? [a-z] ~ # {a,b}', '-rf'],
  ...['--server=http://evil.example', 'ünï çode \u{1f600}', '', "''''", 'a\\', '%s %d'],
];
