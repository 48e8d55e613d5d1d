#!/usr/bin/env -S node --v8-pool-size=1
// Says in one sentence which versions of Node.js work, if this one is too old, before anything is loaded that needs more. The oldest one
// must be able to parse this file: `npm run build` runs it first, and dist/main.js begins with it.
const { engines } = require('../package.json');

const ranges = engines.node.split(' || ').map(range => /^(\^|>=)(\d+)(?:\.(\d+))?/.exec(range));
const [major, minor] = process.versions.node.split('.').map(Number);
const isSupported = ranges.some(([, operator, from, fromMinor = '0']) =>
  major === Number(from) ? minor >= Number(fromMinor) : operator === '>=' && major > Number(from),
);
if (!isSupported) {
  const names = ranges.map(([, , from, fromMinor]) => (fromMinor ? `${from}.${fromMinor}+` : `${from}+`));
  const last = names.pop();
  process.stderr.write(
    `kube-api-proxy: Node.js ${process.versions.node} is not supported: use ${names.join(', ')} or ${last}\n`,
  );
  process.exit(1);
}

// Otherwise SIGUSR1 opens Node's inspector, a port on which every user of the machine and every container of the Pod can run code as this
// process. A listener for the signal replaces Node's own.
process.on('SIGUSR1', () => {});
