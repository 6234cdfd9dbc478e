// Graphile Worker's worker and client: program_graphile.cjs worker|client,
// with DATABASE_URL in the environment.
'use strict';

const {spawn} = require('node:child_process');
const {Logger, makeWorkerUtils, run} = require('graphile-worker');
const {Client, Pool} = require('pg');
const {serve} = require('./program.cjs');

const ADDS = 100;
const BULK = 1000;
const url = process.env.DATABASE_URL;
const logger = new Logger(() => () => {});

function runTrue() {
  return new Promise((resolve, reject) => {
    spawn('/bin/true', {stdio: 'ignore'})
        .on('error', reject)
        .on('exit', (code) => code ? reject(new Error('exit ' + code))
                                   : resolve());
  });
}

async function work() {
  await run({
    logger,
    taskList: {
      noop: async () => {},
      true: runTrue,
      // The only way to tell whoever waits: it keeps no results.
      tell: async (_, helpers) => {
        await helpers.query("SELECT pg_notify('told', '')");
      },
    },
    preset: {worker: {
      connectionString: url, concurrentJobs: 24, maxPoolSize: 30,
      pollInterval: 1000, localQueue: {size: 500},
      completeJobBatchDelay: 5, failJobBatchDelay: 5,
    }},
  });
}

async function client() {
  const utils = await makeWorkerUtils({connectionString: url, logger});
  await utils.migrate();
  const pool = new Pool({connectionString: url, max: ADDS});
  const ear = new Client({connectionString: url});
  await ear.connect();
  await ear.query('LISTEN told');

  const left = async () => Number((await pool.query(
      'SELECT count(*) FROM graphile_worker._private_jobs')).rows[0].count);

  async function counted(size, submit) {
    const start = process.hrtime.bigint();
    await submit();
    while (await left() > 0) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return {seconds: Number(process.hrtime.bigint() - start) / 1e9,
            done: size};
  }

  async function bulk(name, size) {
    for (let first = 0; first < size; first += BULK) {
      const count = Math.min(BULK, size - first);
      await pool.query(
          'SELECT count(*) FROM graphile_worker.add_jobs((SELECT array_agg(' +
          'json_populate_record(null::graphile_worker.job_spec, ' +
          'json_build_object(\'identifier\', $1::text, \'payload\', ' +
          'json_build_object(\'index\', i)))) FROM generate_series(1, $2) i))',
          [name, count]);
    }
  }

  async function singly(size) {
    let next = 0;
    const adder = async () => {
      while (next < size) {
        await pool.query('SELECT graphile_worker.add_job($1, $2)',
                         ['noop', {index: next++}]);
      }
    };
    await Promise.all(Array.from({length: ADDS}, adder));
  }

  async function one(size) {
    const took = [];
    const begin = process.hrtime.bigint();
    for (let number = -10; number < size; ++number) {
      const start = process.hrtime.bigint();
      const told = new Promise((resolve) => ear.once('notification', resolve));
      await pool.query('SELECT graphile_worker.add_job($1)', ['tell']);
      await told;
      if (number >= 0) {
        took.push(Number(process.hrtime.bigint() - start) / 1e3);
      }
    }
    return {seconds: Number(process.hrtime.bigint() - begin) / 1e9,
            done: size, latencies_us: took};
  }

  serve({
    array: (size) => counted(size, () => bulk('noop', size)),
    single: (size) => counted(size, () => singly(size)),
    command: (size) => counted(size, () => bulk('true', size)),
    one,
  });
}

process.argv[2] === 'worker' ? work() : client();
