# What Sidekiq runs, with the driver in C and without its two log lines for each job.
require "redis/connection/hiredis"
require "sidekiq"

URL = ENV["BENCH_UNIX"] ? "unix://#{ENV["BENCH_UNIX"]}" : "redis://127.0.0.1:#{ENV["BENCH_PORT"]}"
PAYLOAD = "x" * 96 # 100 bytes of JSON in its array

def now_ns
  Process.clock_gettime(Process::CLOCK_MONOTONIC, :nanosecond)
end

Sidekiq.logger.level = Logger::WARN
Sidekiq.configure_client { |config| config.redis = {url: URL, driver: :hiredis} }
Sidekiq.configure_server do |config|
  config.redis = {url: URL, driver: :hiredis}
  config.on(:shutdown) { Stamp.write }
end

class Noop
  include Sidekiq::Worker

  def perform(_payload)
  end
end

# Writes down when its jobs began, at the end of the worker: there is no place for a result.
class Stamp
  include Sidekiq::Worker
  TIMES = Queue.new

  def perform(number, _payload)
    TIMES << [number, now_ns]
  end

  def self.write
    return unless ENV["BENCH_STAMPS"]
    File.write(ENV["BENCH_STAMPS"], Array.new(TIMES.size) { TIMES.pop }.map { |pair| pair.join(" ") }.join("\n"))
  end
end
