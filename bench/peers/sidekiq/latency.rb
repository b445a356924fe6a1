# latency.rb JOBS RATE: submits at a rate; prints when, in nanoseconds of CLOCK_MONOTONIC.
require_relative "tasks"
require "json"

jobs, rate = ARGV.map(&:to_i)
Sidekiq.redis(&:ping)
begun = now_ns
times = Array.new(jobs) do |number|
  left = (begun + number * 1_000_000_000 / rate - now_ns) / 1e9
  sleep(left) if left > 0
  submitted = now_ns
  Stamp.perform_async(number, PAYLOAD)
  submitted
end
puts JSON.generate(times)
