#pragma once
// One host of a pool, as the pool sees it. For the pool's own sources.

#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>

#include "hosts/host_pool.h"

namespace conduitd::hosts {

struct HostPool::Host {
  enum class State { starting, ready, retiring };
  explicit Host(const boost::asio::any_io_executor& executor) : ended(executor, boost::asio::steady_timer::time_point::max()) {}

  std::unique_ptr<HostLink> link;
  std::string devices;  // what it is pinned to, for its life
  State state = State::starting;
  std::unordered_map<Handle, bool> attempts;  // -> user code has begun
  std::set<Handle> waiting;  // those of them that wait for other jobs
  [[nodiscard]] std::size_t active() const { return attempts.size() - waiting.size(); }
  std::uint32_t given = 0;
  std::set<Handle> probes;  // given up, and their event loop has not answered since
  bool blocked = false;     // none did in time
  bool worn = false;    // it asked to be replaced
  bool ending = false;  // end_host is under way
  bool closed = false;
  bool exited = false;
  bool buried = false;
  channel::Exited end;
  std::int64_t cpu_us = 0;  // used by attempts that have ended
  std::string fault;
  boost::asio::steady_timer ended;  // cancelled when it has exited
};

}  // namespace conduitd::hosts
