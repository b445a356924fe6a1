// worker.js CONCURRENCY [noop|stamp|hold FILE]: jobs that do nothing; that return when they began; that write it down and stay.
const { appendFileSync } = require('node:fs');
const { Worker } = require('bullmq');
const bench = require('./connection');

const [concurrency, what, file] = process.argv.slice(2);
const tasks = {
  noop: async () => {},
  stamp: async () => bench.now().toString(),
  hold: async () => {
    appendFileSync(file, `${bench.now()} ${process.pid}\n`);
    await bench.pause(1e9);
  },
};
const worker = new Worker(bench.queue, tasks[what || 'noop'], { connection: bench.connection, concurrency: Number(concurrency) });
worker.on('error', (error) => console.error(error.message));
process.on('SIGTERM', () => process.exit(0));
