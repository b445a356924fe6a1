# produce.rb JOBS BATCH: perform_async one by one, or perform_bulk.
require_relative "tasks"
require "json"

jobs, batch = ARGV.map(&:to_i)
Sidekiq.redis(&:ping)
begun = now_ns
if batch == 1
  jobs.times { Noop.perform_async(PAYLOAD) }
else
  (0...jobs).step(batch) { |done| Noop.perform_bulk(Array.new([batch, jobs - done].min) { [PAYLOAD] }) }
end
puts JSON.generate(jobs: jobs, seconds: (now_ns - begun) / 1e9)
