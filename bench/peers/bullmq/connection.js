// How all programs here reach the server that the suite has started, and the payload of its jobs.
const { setTimeout: pause } = require('node:timers/promises');

const where = process.env.BENCH_UNIX ? { path: process.env.BENCH_UNIX } : { host: '127.0.0.1', port: Number(process.env.BENCH_PORT) };
exports.connection = { ...where, maxRetriesPerRequest: null };
exports.queue = 'bench';
exports.payload = { p: 'x'.repeat(92) }; // 100 bytes of JSON
exports.jobOptions = { removeOnComplete: true, removeOnFail: true };
exports.now = () => process.hrtime.bigint(); // CLOCK_MONOTONIC in nanoseconds
exports.pause = pause;
exports.seconds = (begun) => Number(process.hrtime.bigint() - begun) / 1e9;
