/**
 * URLs with a user name and a password in them, as people write them: also with characters that end the host for a parser, so that it takes
 * a part of the password for the port or the path.
 */
export function urlsWithUser(username: string, password: string): string[] {
  const scheme = 'https';
  const passwords = [password, '/', '?', '#', '%2F', '@'].flatMap(part =>
    part === password ? [password] : [`${password}${part}x`, `4711${part}${password}`, `${part}${password}`],
  );
  const host = 'host.example:6443';
  return [
    ...passwords.map(written => `${scheme}://${username}:${written}@${host}/path`),
    ...[`${scheme}://${password}@${host}`, `${scheme}://${username}/x:${password}@${host}`],
    ...[`${scheme}://${username}:${password}@`, `${scheme}://${username}:${password}@${host}:port`],
    ...[`${scheme}:///${username}:${password}@${host}`, `${scheme}:${username}:${password}@${host}`],
    ...[`${scheme}:\\\\${username}:${password}@${host}`, `ftp://${username}:${password}@${host}`],
    ...[`${username}:${password}@${host}`, `${username}:4711/${password}@${host}`],
    ` ${scheme}://${username}:${password}@${host}`,
  ];
}
