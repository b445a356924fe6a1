#include "broker/redis/waiting.h"

#include <algorithm>
#include <array>

#include "broker/redis/record.h"

namespace asio = boost::asio;

namespace conduitd::broker::redis {

void add_waiting(Words& names, Words& args, const QueueKeys& keys, const Waiting& w) {
  const auto own = keys.job(w.ulid);
  const std::array<std::string, 7> its_keys{keys.stream(w.task, w.lane),
                                            own,
                                            keys.record(w.ulid),
                                            keys.logs(w.ulid),
                                            w.ties.unique.empty() ? own : keys.unique(w.ties.unique),
                                            w.ties.submit.empty() ? own : keys.submit(w.ties.submit),
                                            keys.held(w.ulid)};
  names.insert(names.end(), its_keys.begin(), its_keys.end());
  const std::array<std::string, 5> its_args{w.ulid, w.entry ? to_string(*w.entry) : "", w.task,
                                            std::string(1, lane_letter(w.lane)),
                                            encode(DueMember{w.ulid, {w.task, w.priority}})};
  args.insert(args.end(), its_args.begin(), its_args.end());
}

asio::awaitable<Result<std::vector<EndOutcome>>> end_waiting(Server& server, std::string queue,
                                                             std::optional<job::JobStatus> status,
                                                             std::vector<Waiting> jobs, std::optional<job::Failure> failure) {
  const auto keys = server.keys.queue(queue);
  std::string tail;
  if (failure) {
    Tail why;
    why.attempt.failure = std::move(failure);
    tail = encode(why);
  }
  const auto index = keys.index(status.value_or(job::JobStatus::cancelled));
  const Words shared_keys{keys.waiters(),
                          keys.due(),
                          keys.deadlines(),
                          keys.index(job::JobStatus::scheduled),
                          keys.index(job::JobStatus::retrying),
                          index,
                          keys.expiry(false),
                          keys.placed()};
  const Words shared_args{std::to_string(server.options.result_ttl.count()),
                          status ? std::string(job::to_string(*status)) : "", keys.ended_channel(), server.keys.notices(),
                          queue, tail};
  Batch batch;
  for (std::size_t first = 0; first < jobs.size(); first += kMostInCall) {
    auto names = shared_keys;
    auto args = shared_args;
    for (std::size_t i = first; i < std::min(first + kMostInCall, jobs.size()); ++i) {
      add_waiting(names, args, keys, jobs[i]);
    }
    batch.script(Script::end, names, args);
  }
  CONDUIT_CO_TRY(const auto replies, co_await server.exec(std::move(batch)));
  std::vector<EndOutcome> out;
  for (const auto& reply : replies) {
    for (std::size_t i = 0; i < reply.view().size(); ++i) {
      out.push_back(static_cast<EndOutcome>(std::clamp<std::int64_t>(reply[i].integer_or(0), 0, 3)));
    }
  }
  co_return out;
}

}  // namespace conduitd::broker::redis
