// latency.js JOBS RATE SKIP: adds jobs at a rate and waits for each one's result, which is when it began. In microseconds.
const { Queue, QueueEvents } = require('bullmq');
const bench = require('./connection');

async function main(jobs, rate, skip) {
  const queue = new Queue(bench.queue, { connection: bench.connection, }); // kept: who waits reads the result
  // From the first event on: by default those are missed that come before its first read.
  const events = new QueueEvents(bench.queue, { connection: bench.connection, lastEventId: '0-0' });
  await Promise.all([queue.waitUntilReady(), events.waitUntilReady()]);
  queue.setMaxListeners(0);
  const start = [];
  const result = [];
  const one = async () => {
    const submitted = bench.now();
    const job = await queue.add('stamp', bench.payload);
    const began = BigInt(await job.waitUntilFinished(events, 30_000));
    start.push(Number(began - submitted) / 1e3);
    result.push(Number(bench.now() - submitted) / 1e3);
  };
  const begun = bench.now();
  const waiting = [];
  for (let i = 0; i < jobs; i += 1) {
    const due = begun + BigInt(Math.round((i * 1e9) / rate));
    const left = Number(due - bench.now()) / 1e6;
    if (left > 0) await bench.pause(left);
    waiting.push(one());
  }
  await Promise.all(waiting);
  console.log(JSON.stringify({ start: start.slice(skip), result: result.slice(skip) }));
  await events.close();
  await queue.close();
}

main(...process.argv.slice(2).map(Number));
