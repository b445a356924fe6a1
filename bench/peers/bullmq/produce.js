// produce.js JOBS BATCH: one by one, each answered before the next, or by addBulk.
const { Queue } = require('bullmq');
const bench = require('./connection');

async function main(jobs, batch) {
  const queue = new Queue(bench.queue, { connection: bench.connection, defaultJobOptions: bench.jobOptions });
  await queue.waitUntilReady();
  const begun = bench.now();
  for (let done = 0; done < jobs; done += batch) {
    const many = Math.min(batch, jobs - done);
    if (batch === 1) await queue.add('noop', bench.payload);
    else await queue.addBulk(Array.from({ length: many }, () => ({ name: 'noop', data: bench.payload })));
  }
  console.log(JSON.stringify({ jobs, seconds: bench.seconds(begun) }));
  await queue.close();
}

main(Number(process.argv[2]), Number(process.argv[3]));
