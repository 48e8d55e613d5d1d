import { get, type IncomingMessage } from 'node:http';
import { get as getSecure } from 'node:https';
import { quantile } from './statistics.js';
import { createEventReader, now } from './watch-event.js';
import { answer, type ClientCommand, type ClientState, readTls } from './watch-messages.js';
import { watchPath } from './workloads.js';

// This process opens watches, each on its own HTTP/1.1 connection, and records how old each event is.

/** How many watches are opened at a time. */
const atOnce = 50;

let received = 0;
let lost = 0;
let measuring = false;
let sinceSent: number[] = [];
let sinceChange: number[] = [];

answer<ClientCommand, ClientState>(async message => {
  if (message.command === 'open') await openWatches(message);
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
    p50: quantile(sinceSent, 0.5) / 1000,
    p99: quantile(sinceSent, 0.99) / 1000,
    p99SinceChange: quantile(sinceChange, 0.99) / 1000,
  };
});

async function openWatches({ url, count, tls }: Extract<ClientCommand, { command: 'open' }>): Promise<void> {
  const pem = tls === null ? null : readTls(tls);
  let left = count;
  const openInTurn = async () => {
    while (left > 0) {
      left -= 1;
      await openWatch(url + watchPath, pem);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, openInTurn));
}

/** Resolves with the watch's first event, when it is open all the way to the server. */
function openWatch(url: string, pem: ReturnType<typeof readTls> | null): Promise<void> {
  return new Promise((resolve, reject) => {
    let first = true;
    const read = createEventReader(({ changed, sent }) => {
      if (first) {
        first = false;
        resolve();
        return;
      }
      received += 1;
      if (!measuring) return;
      const time = now();
      sinceSent.push(time - sent);
      sinceChange.push(time - changed);
    });
    const onResponse = (response: IncomingMessage) => {
      if (response.statusCode !== 200) reject(new Error(`a watch was answered ${response.statusCode}`));
      response.on('data', read).on('error', () => {});
      response.once('close', () => {
        lost += 1;
        reject(new Error('a watch ended before its first event'));
      });
    };
    const headers = { Accept: 'application/json' };
    const request =
      pem === null
        ? get(url, { agent: false, headers }, onResponse)
        : getSecure(url, { agent: false, headers, ...pem }, onResponse);
    request.once('error', reject);
  });
}
