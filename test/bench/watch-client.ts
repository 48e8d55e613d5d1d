import { once } from 'node:events';
import { type ClientRequest, get, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { quantile } from './metrics.js';
import { createEventReader, now } from './watch-event.js';
import { answer, type ClientCommand, type ClientState } from './watch-messages.js';
import { informerObjects, informerPath, tokenOf, watchPath } from './workloads.js';

// This process opens watches, each on its own HTTP/1.1 connection, and records how old each event is.

/** How many watches are opened at a time. */
const atOnce = 50;

let received = 0;
let lost = 0;
let measuring = false;
let sinceSent: number[] = [];
let sinceChange: number[] = [];

answer<ClientCommand, ClientState>(async message => {
  if (message.command === 'open') await (message.informers ? startInformers(message) : openWatches(message));
  if (message.command === 'begin') {
    sinceSent = [];
    sinceChange = [];
    measuring = true;
  }
  if (message.command === 'end') measuring = false;
  return {
    events: sinceSent.length,
    received,
    lost,
    p99: quantile(sinceSent, 0.99) / 1000,
    p99SinceChange: quantile(sinceChange, 0.99) / 1000,
  };
});

type Opening = Extract<ClientCommand, { command: 'open' }>;

async function openWatches({ url, count, users }: Opening): Promise<void> {
  let index = 0;
  await eachInTurn(count, () => {
    const headers = headersOf(index++, users);
    return openWatch(1, onResponse => get(url + watchPath, { agent: false, headers }, onResponse));
  });
}

/** Opens the connections first, so that the requests of all informers can be sent at once. */
async function startInformers({ url, count, users }: Opening): Promise<void> {
  const { hostname: host, port } = new URL(url);
  const sockets: Socket[] = [];
  await eachInTurn(count, async () => {
    const socket = connect({ host, port: Number(port) });
    await once(socket, 'connect');
    sockets.push(socket);
  });
  const listed = sockets.map((socket, index) =>
    openWatch(informerObjects + 1, onResponse => {
      const headers = headersOf(index, users);
      const options = { host, port, path: informerPath, headers, createConnection: () => socket };
      return get(options, onResponse);
    }),
  );
  await Promise.all(listed);
}

async function eachInTurn(count: number, run: () => Promise<void>): Promise<void> {
  let left = count;
  const runInTurn = async () => {
    while (left > 0) {
      left -= 1;
      await run();
    }
  };
  await Promise.all(Array.from({ length: atOnce }, runInTurn));
}

function headersOf(index: number, users: number) {
  const token = users > 0 && { Authorization: `Bearer ${tokenOf(index % users)}` };
  return { Accept: 'application/json', ...token };
}

/**
 * Resolves with the event of this number, when the watch is open all the way to the server and has all its initial events. Only later
 * events count.
 */
function openWatch(
  initial: number,
  send: (onResponse: (response: IncomingMessage) => void) => ClientRequest,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let left = initial;
    const read = createEventReader(({ changed, sent }) => {
      if (left > 0) {
        left -= 1;
        if (left === 0) resolve();
        return;
      }
      received += 1;
      if (!measuring) return;
      const time = now();
      sinceSent.push(time - sent);
      sinceChange.push(time - changed);
    });
    const request = send(response => {
      if (response.statusCode !== 200) reject(new Error(`a watch was answered ${response.statusCode}`));
      response.on('data', read).on('error', () => {});
      response.once('close', () => {
        lost += 1;
        reject(new Error('a watch ended before its initial events did'));
      });
    });
    request.once('error', reject);
  });
}
