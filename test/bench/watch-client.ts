import { get, type OutgoingHttpHeaders } from 'node:http';
import { quantile } from './metrics.js';
import { createEventReader, now } from './watch-event.js';
import { answer, type ClientCommand, type ClientState } from './watch-messages.js';
import { tokenOf, watchPath } from './workloads.js';

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
    p99: quantile(sinceSent, 0.99) / 1000,
    p99SinceChange: quantile(sinceChange, 0.99) / 1000,
  };
});

async function openWatches({
  url,
  count,
  users,
}: Extract<ClientCommand, { command: 'open' }>): Promise<void> {
  let index = 0;
  await eachInTurn(count, () => openWatch(url + watchPath, headersOf(index++, users)));
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

/** Resolves with the first event, when the watch is open all the way to the server. Only later events count. */
function openWatch(url: string, headers: OutgoingHttpHeaders): Promise<void> {
  return new Promise((resolve, reject) => {
    let isOpen = false;
    const read = createEventReader(({ changed, sent }) => {
      if (!isOpen) {
        isOpen = true;
        resolve();
        return;
      }
      received += 1;
      if (!measuring) return;
      const time = now();
      sinceSent.push(time - sent);
      sinceChange.push(time - changed);
    });
    const request = get(url, { agent: false, headers }, response => {
      if (response.statusCode !== 200) reject(new Error(`a watch was answered ${response.statusCode}`));
      response.on('data', read).on('error', () => {});
      response.once('close', () => {
        lost += 1;
        reject(new Error('a watch ended before its first event'));
      });
    });
    request.once('error', reject);
  });
}
