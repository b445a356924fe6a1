#include "support/redis_cluster.h"

#include <poll.h>

#include <chrono>
#include <functional>
#include <sstream>
#include <stdexcept>

#include "support/redis_process.h"

namespace conduitd::test {
namespace {

constexpr int kPrimaries = 3;
constexpr int kLastSlot = 16'383;

void until(const std::string& what, const std::function<bool()>& condition) {
  constexpr std::chrono::seconds kPatience{30};
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) throw std::runtime_error("in 30 s there was no " + what);
    ::poll(nullptr, 0, 10);
  }
}

bool says(RedisServer& node, const std::vector<std::string>& words, const std::string& text) {
  return node.try_command(words).find(text) != std::string::npos;
}

}  // namespace

RedisCluster::RedisCluster(RedisSetup setup) : setup_(std::move(setup)) {
  setup_.tcp = true;
  for (int i = 0; i < kPrimaries; ++i) {
    nodes_.push_back(make_node());
    const auto first = std::to_string((kLastSlot + 1) * i / kPrimaries);
    const auto last = std::to_string((kLastSlot + 1) * (i + 1) / kPrimaries - 1);
    nodes_.back()->command({"CLUSTER", "SET-CONFIG-EPOCH", std::to_string(i + 1)});
    nodes_.back()->command({"CLUSTER", "ADDSLOTSRANGE", first, last});
  }
  for (std::size_t i = 1; i < nodes_.size(); ++i) meet(*nodes_[i], bus_ports_[i]);
  until("cluster of all nodes", [this] {
    for (const auto& node : nodes_) {
      if (!says(*node, {"CLUSTER", "INFO"}, "cluster_known_nodes:" + std::to_string(kPrimaries))) return false;
    }
    return true;
  });
  wait_until_whole();
}

RedisCluster::~RedisCluster() = default;

std::unique_ptr<RedisServer> RedisCluster::make_node() {
  for (int tries = 0;; ++tries) {
    auto setup = setup_;
    const int bus_port = free_port();
    // Soon enough for tests of fail-over, late enough for a machine that is busy.
    setup.extra.insert(setup.extra.end(), {"--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-port",
                                           std::to_string(bus_port), "--cluster-node-timeout", "2000", "--repl-diskless-sync-delay", "0"});
    try {
      auto out = std::make_unique<RedisServer>(setup);
      bus_ports_.push_back(bus_port);
      return out;
    } catch (const std::runtime_error&) {
      // Somebody else took that port meanwhile.
      constexpr int kMostTries = 3;
      if (tries == kMostTries) throw;
    }
  }
}

void RedisCluster::meet(const RedisServer& other, int bus_port) {
  nodes_.front()->command({"CLUSTER", "MEET", "127.0.0.1", std::to_string(other.tcp_port()), std::to_string(bus_port)});
}

std::string RedisCluster::url() const {
  std::string hosts;
  for (const auto& node : nodes_) hosts += (hosts.empty() ? "" : ",") + std::string("127.0.0.1:") + std::to_string(node->tcp_port());
  return std::string("redis-cluster://conduit:") + RedisServer::kPassword + "@" + hosts;
}

void RedisCluster::wait_until_whole() {
  until("cluster that serves all slots", [this] {
    for (const auto& node : nodes_) {
      const auto info = node->try_command({"CLUSTER", "INFO"});
      if (!info.empty() && info.find("cluster_state:ok") == std::string::npos) return false;
    }
    return true;
  });
}

std::size_t RedisCluster::number_of(const std::string& key) {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const auto said = nodes_[i]->try_command({"TYPE", key});
    if (!said.empty() && !said.starts_with("MOVED") && !said.starts_with("CLUSTERDOWN")) return i;
  }
  throw std::runtime_error("no node serves the key " + key);
}

RedisServer& RedisCluster::node_of(const std::string& key) { return *nodes_[number_of(key)]; }

std::string RedisCluster::command(const std::vector<std::string>& words, std::size_t at) { return node_of(words.at(at)).command(words); }

void RedisCluster::restart() {
  for (const auto& node : nodes_) node->stop();
  for (const auto& node : nodes_) node->start();
  wait_until_whole();
}

void RedisCluster::wipe() {
  for (const auto& node : nodes_) node->command({"FLUSHALL"});
}

RedisServer& RedisCluster::add_replica_of(std::size_t number) {
  const auto id = nodes_.at(number)->command({"CLUSTER", "MYID"});
  auto replica = make_node();
  meet(*replica, bus_ports_.back());
  until("replica that knows its primary", [&] { return replica->try_command({"CLUSTER", "REPLICATE", id}) == "OK"; });
  until("replication", [&] { return says(*replica, {"INFO", "replication"}, "master_link_status:up"); });
  nodes_.push_back(std::move(replica));
  // Whoever votes must know the replica, and it which slots are its primary's.
  const auto all = "cluster_known_nodes:" + std::to_string(nodes_.size());
  until("cluster that knows its replica", [&] {
    for (const auto& node : nodes_) {
      if (!says(*node, {"CLUSTER", "INFO"}, all) || !says(*node, {"CLUSTER", "INFO"}, "cluster_slots_assigned:" + std::to_string(kLastSlot + 1))) return false;
    }
    return true;
  });
  return *nodes_.back();
}

void RedisCluster::wait_until_copied(RedisServer& primary, RedisServer& replica) {
  const auto offset = [](RedisServer& node) {
    const auto info = node.try_command({"INFO", "replication"});
    const auto at = info.find("master_repl_offset:");
    return at == std::string::npos ? 0LL : std::stoll(info.substr(at + 19));
  };
  const auto wanted = offset(primary);
  until("replica that has everything", [&] { return offset(replica) >= wanted; });
}

void RedisCluster::begin_move(const std::string& key, std::size_t to) {
  move_ = {nodes_.front()->command({"CLUSTER", "KEYSLOT", key}), number_of(key), to};
  nodes_.at(to)->command({"CLUSTER", "SETSLOT", move_.slot, "IMPORTING", nodes_[move_.from]->command({"CLUSTER", "MYID"})});
  nodes_[move_.from]->command({"CLUSTER", "SETSLOT", move_.slot, "MIGRATING", nodes_[to]->command({"CLUSTER", "MYID"})});
}

std::size_t RedisCluster::move_keys(std::size_t most) {
  std::istringstream keys(nodes_[move_.from]->command({"CLUSTER", "GETKEYSINSLOT", move_.slot, std::to_string(most)}));
  std::size_t out = 0;
  for (std::string key; std::getline(keys, key);) {
    nodes_[move_.from]->command({"MIGRATE", "127.0.0.1", std::to_string(nodes_[move_.to]->tcp_port()), key, "0", "5000"});
    ++out;
  }
  return out;
}

void RedisCluster::end_move() {
  const auto id = nodes_[move_.to]->command({"CLUSTER", "MYID"});
  // First who has it now, or for a moment nobody would.
  nodes_[move_.to]->command({"CLUSTER", "SETSLOT", move_.slot, "NODE", id});
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (i != move_.to) nodes_[i]->try_command({"CLUSTER", "SETSLOT", move_.slot, "NODE", id});
  }
}

}  // namespace conduitd::test
