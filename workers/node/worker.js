#!/usr/bin/env node
// A worker in JavaScript: mode `process`, nothing but Node (docs/WORKER_PROTOCOL.md).
'use strict';
const fs = require('fs');
const net = require('net');

const types = {  // a job type, and what it does with parameters, item and signal
  'js.eval': ({code}, item, signal) => new Function('item', 'signal', code)(item, signal),
  'check.echo': (parameters) => parameters,
  'check.fail': ({text}) => { throw new Error(text); },
  'check.print': ({text}) => console.log(text),
  'check.sleep': ({seconds}, item, signal) => new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, seconds * 1000);
    signal.addEventListener('abort', () => { clearTimeout(timer); reject(new Error('stopped')); });
  }),
};
const cell = Number(process.env.REMUDA_WORKER_CELL_FD);
const channel = new net.Socket({fd: Number(process.env.REMUDA_WORKER_FD), readable: true, writable: true});
let received = [], size = 0, tasks = [], running = null, stop = null, draining = false;

function put(message) {
  const body = Buffer.from(JSON.stringify(message));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  channel.write(Buffer.concat([length, body]));
}

function current(id) {  // says what runs; whether it may
  fs.writeSync(cell, new BigUint64Array([BigInt(id)]), 0, 8, 0);
  const revoked = new BigUint64Array(2);
  fs.readSync(cell, revoked, 0, 16, 8);
  return BigInt(id) < revoked[0] || BigInt(id) >= revoked[1];
}

async function run({id, kind, parameters, item}) {
  if (!current(id)) return {ending: 'returned'};
  stop = new AbortController();
  try {
    const value = await types[kind](parameters, item, stop.signal);
    return {ending: 'succeeded', output: JSON.stringify(value === undefined ? null : value)};
  } catch (error) {
    return stop.signal.aborted ? {ending: 'cancelled'} : {ending: 'error', error: String(error.stack || error)};
  }
}

async function work() {
  if (running !== null) return;
  while (tasks.length > 0) {
    running = tasks[0].id;
    put({type: 'results', results: [{id: running, ...await run(tasks.shift())}]});
  }
  running = null;
  current(0);
  if (draining) channel.end(() => process.exit(0));
}

function hear(message) {
  if (message.type === 'welcome') put({type: 'ready', credits: 1024});
  if (message.type === 'ping') put({type: 'pong', number: message.number});
  if (message.type === 'cancel' && message.id === running) stop.abort();
  if (message.type === 'drain') draining = true;
  if (message.type === 'tasks') {
    const {range, parameters, job_type: kind} = message;
    const first = range && BigInt(range.id);
    const each = range ? Array.from({length: range.count}, (_, i) => ({id: String(first + BigInt(i))})) : message.tasks;
    for (const task of each) tasks.push({parameters, ...task, kind});
  }
  if (message.type === 'tasks' || message.type === 'drain') work();
}

const write = process.stdout.write.bind(process.stdout);
process.stdout.write = (text, ...rest) => {
  if (running === null) return write(text, ...rest);
  put({type: 'log', id: running, stream: 'stdout', bytes: Buffer.byteLength(text), text: String(text)});
  return true;
};
process.on('SIGTERM', () => {});  // the channel is read while a task waits
channel.on('end', () => process.exit(0));
channel.on('data', (data) => {
  received.push(data);
  size += data.length;
  while (size >= 4) {
    if (received[0].length < 4) received = [Buffer.concat(received)];
    const length = received[0].readUInt32BE(0);
    if (size < 4 + length) return;
    const all = Buffer.concat(received);
    received = [all.subarray(4 + length)];
    size -= 4 + length;
    hear(JSON.parse(all.toString('utf8', 4, 4 + length)));
  }
});
put({type: 'hello', protocol: 2, language: `node ${process.version}`, pid: process.pid, modes: ['process'],
  job_types: Object.keys(types)});
