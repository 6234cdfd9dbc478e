// BullMQ's worker and client: program_bullmq.cjs worker|client PORT.
'use strict';

const {spawn} = require('node:child_process');
const {Queue, QueueEvents, Worker} = require('bullmq');
const {serve} = require('./program.cjs');

const ADDS = 500;
const BULK = 1000;
const [, , role, port] = process.argv;
const connection = {host: '127.0.0.1', port: Number(port),
                    maxRetriesPerRequest: null};

function runTrue() {
  return new Promise((resolve, reject) => {
    spawn('/bin/true', {stdio: 'ignore'})
        .on('error', reject)
        .on('exit', (code) => code ? reject(new Error('exit ' + code))
                                   : resolve(null));
  });
}

function work() {
  new Worker('noop', async () => null, {connection, concurrency: 100});
  new Worker('true', runTrue, {connection, concurrency: 4});
}

const pause = () => new Promise((resolve) => setTimeout(resolve, 2));

// What was completed before is emptied away, outside of the time.
async function counted(queue, size, submit) {
  await queue.obliterate({force: true});
  const start = process.hrtime.bigint();
  await submit();
  while (await queue.getCompletedCount() < size) await pause();
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  return {seconds, done: await queue.getCompletedCount()};
}

async function bulk(queue, size) {
  for (let first = 0; first < size; first += BULK) {
    const count = Math.min(BULK, size - first);
    await queue.addBulk(Array.from({length: count}, (_, index) => (
      {name: 'job', data: {index: first + index}})));
  }
}

async function singly(queue, size) {
  let next = 0;
  const adder = async () => {
    while (next < size) await queue.add('job', {index: next++});
  };
  await Promise.all(Array.from({length: ADDS}, adder));
}

async function one(queue, events, size) {
  const took = [];
  const begin = process.hrtime.bigint();
  for (let number = -10; number < size; ++number) {
    const start = process.hrtime.bigint();
    const job = await queue.add('job', {});
    await job.waitUntilFinished(events);
    if (number >= 0) took.push(Number(process.hrtime.bigint() - start) / 1e3);
  }
  return {seconds: Number(process.hrtime.bigint() - begin) / 1e9, done: size,
          latencies_us: took};
}

async function main() {
  if (role === 'worker') return work();
  const noop = new Queue('noop', {connection});
  const commands = new Queue('true', {connection});
  const events = new QueueEvents('noop', {connection});
  await events.waitUntilReady();
  await one(noop, events, 1);  // the worker is there
  serve({
    array: (size) => counted(noop, size, () => bulk(noop, size)),
    single: (size) => counted(noop, size, () => singly(noop, size)),
    command: (size) => counted(commands, size, () => bulk(commands, size)),
    one: (size) => one(noop, events, size),
  });
}

main();
