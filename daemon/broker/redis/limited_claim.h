#pragma once
// One look of a worker for jobs that limits hold, in a cluster. See turn.h.

#include <map>
#include <set>
#include <string>
#include <vector>

#include "broker/redis/admission.h"
#include "broker/redis/claim_parts.h"
#include "broker/redis/claimer.h"
#include "broker/redis/turn.h"

namespace conduitd::broker::redis {

/// For one turn, of the claimer's coroutine. A step that is refused because the turn is over leaves things so that the next look goes on:
/// what was charged to a rate and not taken is lost to it, what was written down as running and was not taken is found within seconds.
class LimitedClaim {
 public:
  LimitedClaim(Claimer& claimer, ClaimRequest request, Claimer::Plan& plan);

  boost::asio::awaitable<Result<Claimer::Taken>> run();
  /// Without a turn, and without taking anything: which lines have a job that a claim would be given.
  boost::asio::awaitable<Result<std::vector<bool>>> look();

 private:
  struct Stream {
    std::string queue;
    Lane lane = 5;
    std::string task;
    std::string key;
    std::uint64_t running = 0;
    std::uint64_t own = 0;
    std::size_t waiting = 0;
    std::string last = "0-0";
    bool weighs = false;                                     ///< its jobs may weigh more than one
    std::vector<std::pair<std::string, std::string>> fresh;  ///< entries to be sorted, and their values
    std::vector<std::uint32_t> weights;                      ///< of those that wait, in their order, if they may weigh more
  };
  struct Task {
    LimitedTask facts;
    std::string key;      ///< by which its jobs wait; empty if by none
    bool drain = false;   ///< some are sorted by a key still
    std::map<std::string, std::pair<std::string, std::string>> run;  ///< place of each that runs: its worker and value
    std::string last_turn;  ///< the value whose turn was last
    bool had_turn = false;
    std::string sorted_by;
    bool was_sorted = false;
    std::int64_t checked = 0;  ///< when `run` was compared with what is pending
    std::size_t old = 0;       ///< jobs sorted by another key than now
    bool all_sorted = true;
    bool done = false;
  };
  struct Queue {
    std::vector<Stream> streams;
    std::set<std::string, std::less<>> paused;
    std::optional<std::uint32_t> most;
    std::map<std::string, std::uint32_t> heavy;  ///< units of the attempts that weigh more than one, by "stream entry"
    [[nodiscard]] std::uint64_t running() const;
  };
  struct Pick {
    std::string value;
    std::string place;
    std::size_t line = 0;
    std::string entry;
    std::uint32_t weight = 1;
  };
  struct Candidate {
    std::string place;
    std::uint32_t weight = 1;
  };
  struct Value {
    std::string value;
    std::vector<Candidate> jobs;
  };
  /// What is decided of one task in one queue: how many jobs, and what each weighs, by stream, if they may weigh more than one.
  struct Decision {
    std::size_t count = 0;
    std::vector<std::vector<std::uint32_t>> weights;
  };

  using Step = boost::asio::awaitable<Result<bool>>;  // no: the turn is over, or something is not known

  void gather();
  Step learn();
  [[nodiscard]] std::vector<std::size_t> ask_of_tasks(Batch& batch, std::size_t& next) const;
  void ask_queue(Batch& batch, const std::string& name, const Queue& queue) const;
  bool read_queue(const std::string& name, Queue& queue, ReplyView said);
  void read_stream(Stream& stream, ReplyView facts) const;
  Writes charges(const std::string& name, const std::map<std::string, std::int64_t>& before, const Decision& decision,
                 const std::vector<std::size_t>& counts);
  void read_task(const std::string& name, Task& task, const Replies& replies, std::size_t at);
  Step check_running(const std::string& name, Task& task);
  Step sort(const std::string& name, Task& task);
  Step rekey(const std::string& name, Task& task);
  Step sort_old(const std::string& name, Task& task);
  Step sort_fresh(const std::string& name, Task& task);
  Step take_part(ClaimPart part);
  Decision decide(const ClaimPart& part, Task* task);
  [[nodiscard]] const Source* source_of(const std::string& task) const;
  [[nodiscard]] std::uint32_t weight_of(const std::string& task) const;
  [[nodiscard]] std::uint64_t units_at(const std::string& task, const std::string& place) const;
  Step take_by_value(std::string name, std::size_t group);
  boost::asio::awaitable<Result<std::vector<Value>>> values(const std::string& name, Task& task, std::size_t wanted);
  boost::asio::awaitable<Result<>> weigh(const std::string& name, const Task& task, std::vector<Value>& values);
  std::optional<Pick> pick_of(const std::string& name, Task& task, const Value& value, std::size_t& next, std::size_t group);
  std::vector<Pick> choose(const std::string& name, Task& task, const std::vector<Value>& values, std::size_t group, std::size_t wanted, Writes& writes);
  Step take_picks(const std::string& name, Task& task, std::vector<Pick> picks);
  Step mark_starving();
  boost::asio::awaitable<Result<std::vector<std::string>>> arguments_at(std::vector<std::string> places, const std::string& task);
  [[nodiscard]] std::size_t fitting(const std::string& task, std::size_t wanted) const;
  [[nodiscard]] std::size_t waiting(const std::string& queue, const std::string& task) const;
  [[nodiscard]] Stream* stream_of(const std::string& queue, const std::string& key);
  void count(const std::string& queue, const std::string& key, std::uint64_t units);
  /// What a script gave of a part, as claims.
  Result<bool> accept(ClaimPart& part, ReplyView reply);

  Claimer& claimer_;
  Server& server_;
  ClaimRequest request_;
  Claimer::Plan& plan_;
  Turn turn_;
  Admission admission_;
  std::map<std::string, Task> tasks_;
  std::map<std::string, Queue> queues_;
  std::vector<std::size_t> most_;
  bool over_all_ = false;  ///< a task counts in all queues there are
  std::size_t bytes_ = 0;
  std::vector<std::size_t> counts_;  ///< of the lines that accept() saw last
  Claimer::Taken out_;
};

}  // namespace conduitd::broker::redis
