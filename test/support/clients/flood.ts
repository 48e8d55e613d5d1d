import { connect } from 'node:net';

/**
 * Runs as its own program: `flood.ts PORT ADDRESS CONNECTIONS PATH` sends GETs from that address as fast as they are answered, on that
 * many connections, until it is killed. Every second it prints how many answers there were, by status, as one line of JSON.
 */
const [port = '0', localAddress = '127.0.0.1', connections = '1', path = '/'] = process.argv.slice(2);
const request = `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
let answers: Record<string, number> = {};

function keepAsking(): void {
  const socket = connect({ host: '127.0.0.1', port: Number(port), localAddress });
  socket.setNoDelay(true).setEncoding('latin1');
  socket.on('connect', () => socket.write(request));
  // The answers are small. An answer usually comes in one piece; if not, its rest is not counted.
  socket.on('data', (text: unknown) => {
    const status = /^HTTP\/1\.1 (\d{3})/.exec(String(text))?.[1];
    if (status === undefined) return;
    answers[status] = (answers[status] ?? 0) + 1;
    socket.write(request);
  });
  socket.on('error', () => {}).on('close', keepAsking);
}

for (let count = 0; count < Number(connections); count++) keepAsking();
setInterval(() => {
  process.stdout.write(`${JSON.stringify(answers)}\n`);
  answers = {};
}, 1000);
