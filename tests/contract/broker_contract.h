#pragma once
// What every broker must do. The cases stand in the *_contract.cpp files, named by their subject; each broker adds one
// file, <broker>_site.cpp, that makes its store and instantiates the suite. A bug found in one broker becomes a case here.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "broker/open.h"
#include "support/loop.h"
#include "support/result_matchers.h"
#include "support/set_clock.h"

namespace conduitd::test {

/// A store of one broker that belongs to one test: a database file, a server of its own.
class BrokerSite {
 public:
  virtual ~BrokerSite() = default;
  /// What broker::open() takes. Several connections may be open at once.
  [[nodiscard]] virtual std::string url() const = 0;
  /// Stops the store in an orderly way and starts it again, on the same data.
  virtual void restart() = 0;
  /// Writes a waiting job whose record cannot be read, in the way a careless hand would.
  virtual void plant_garbage(const std::string& queue, const std::string& task) = 0;
  /// Removes everything, under the open connections. Only where SiteKind::can_be_wiped.
  virtual void wipe() {}
};

struct SiteKind {
  std::string name;
  std::function<std::unique_ptr<BrokerSite>()> make;
  bool has_server = false;    ///< the store is a process: it can go away and come back under open connections
  bool can_be_wiped = false;
};

inline std::ostream& operator<<(std::ostream& out, const SiteKind& kind) { return out << kind.name; }

class BrokerContract : public ::testing::TestWithParam<SiteKind> {
 protected:
  static constexpr Millis kLease{300};
  static constexpr const char* kTask = "test.task";
  static constexpr const char* kQueue = "default";

  void TearDown() override;

  /// A further connection, of that worker. Lives until the test ends or close() is called.
  broker::Connection& connect(const std::string& worker);
  broker::Connection& connect(broker::Options options) { return connect(std::move(options), clock); }
  broker::Connection& connect(broker::Options options, Clock& with);
  /// A clock for one connection or more; lives until the test ends.
  SetClock& set_clock() { return set_clocks_.emplace_back(); }
  broker::Options options(const std::string& worker) const;
  void close(broker::Connection& connection);
  void close_all();

  template <class T>
  T run(boost::asio::awaitable<T> work) {
    return test::run(io, std::move(work));
  }
  template <class T>
  Pending<T> start(boost::asio::awaitable<T> work) {
    return test::start(io, std::move(work));
  }
  template <class T>
  T finish(Pending<T>& pending) {
    return test::finish(io, pending);
  }

  static job::NewJob new_job(const std::string& task = kTask, const std::string& queue = kQueue);
  std::string submit(broker::Connection& c, job::NewJob job = new_job());
  std::vector<std::string> submit(broker::Connection& c, std::size_t count, const std::string& task = kTask,
                                  const std::string& queue = kQueue);

  static broker::ClaimRequest request(std::size_t most, std::vector<broker::Source> sources = {{kQueue, kTask}},
                                      Millis wait = Millis{0});
  std::vector<job::Claim> claim(broker::Connection& c, std::size_t most = 1, const std::string& task = kTask,
                                const std::string& queue = kQueue);
  std::vector<job::Claim> take(broker::Connection& c, std::size_t most, std::vector<broker::Source> sources, Millis wait = Millis{0});
  /// The one job that is there.
  job::Claim claim_one(broker::Connection& c, const std::string& task = kTask, const std::string& queue = kQueue);

  /// One that is there sooner or later.
  job::Claim claim_soon(broker::Connection& c, const std::string& task = kTask, const std::string& queue = kQueue);
  broker::Glance glance(broker::Connection& c, const std::string& id, bool with_results = false);

  static job::Settlement settlement(const job::Claim& claim, job::Settlement::Kind kind);
  static job::Settlement complete(const job::Claim& claim, const std::string& result = "null");
  static job::Settlement retry(const job::Claim& claim, Millis after, const std::string& message = "it failed");
  static job::Settlement fail(const job::Claim& claim, job::FailureReason reason = job::FailureReason::exhausted);
  static job::Settlement release(const job::Claim& claim);
  broker::Settled settle(broker::Connection& c, job::Settlement settlement);

  void subscribe(broker::Connection& c, std::vector<job::Subscription> subscriptions, Millis interval = Millis{5'000});
  broker::Triggered trigger(broker::Connection& c, job::NewEvent event);
  broker::Triggered trigger(broker::Connection& c, const std::string& name, const std::string& payload = "{}");
  /// Lets the broker make jobs of what is due until there is one to take, and takes all there are.
  std::vector<job::Claim> gathered(broker::Connection& c);
  broker::SubscriptionState only_subscription(broker::Connection& c);

  job::JobRecord record(broker::Connection& c, const std::string& id);
  bool exists(broker::Connection& c, const std::string& id);
  /// Calls reclaim_expired until it has found something.
  broker::Reclaimed reclaim(broker::Connection& c, std::uint32_t quarantine_after = 3);
  /// Calls promote_due until it has promoted or expired something.
  broker::Promotion promote(broker::Connection& c);
  /// Turns the loop and asks again until the answer is yes.
  void eventually(const std::function<bool()>& holds);

  boost::asio::io_context io;
  SystemClock clock;
  std::unique_ptr<BrokerSite> site = GetParam().make();

 private:
  std::list<SetClock> set_clocks_;
  std::list<broker::Connection> connections_;
};

inline std::vector<std::string> ids_of(const std::vector<job::Claim>& claims) {
  std::vector<std::string> ids;
  for (const auto& claim : claims) ids.push_back(claim.lease.job_id);
  return ids;
}
inline std::vector<std::string> ids_of(const broker::JobPage& page) {
  std::vector<std::string> ids;
  for (const auto& job : page.jobs) ids.push_back(job.id);
  return ids;
}

inline std::string site_name(const ::testing::TestParamInfo<SiteKind>& info) { return info.param.name; }

}  // namespace conduitd::test
