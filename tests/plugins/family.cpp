// Tasks that make jobs and wait for them. Those with "async_" before their names are coroutines, and do the same as those
// without.
//   family.leaf {"n", "fail", "ms"}     the square of n, after so long; fails for good if told to; stops when cancelled
//   family.fan {"count", "fail", "collect", "once", "crash"}  a leaf for each number, the one of `fail` failing; the sum of their
//                                       results; crashes after the wait in its first attempt
//   family.chain {"depth"}              one child after the other, each waiting for the next; how deep it went
//   family.first                        a leaf that ends at once and one that does not: the first, and the other is cancelled
//   family.await {"id", "timeout"}      how the job ended, or what refused the wait
//   family.gather {"batch"}             how those ended that it ran after
//   family.leave {"bound"}              a child that runs for an hour; fails for good
//   family.batch {"count", "fail", "once", "crash"}  a leaf for each number, and a gather on success and one on completion; their ids;
//                                       crashes after that in its first attempt
#include <conduit/async.hpp>

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

struct Leaf {
  int n = 0;
  bool fail = false;
  int ms = 0;
};
BOOST_DESCRIBE_STRUCT(Leaf, (), (n, fail, ms))

struct Fan {
  int count = 1;
  int fail = -1;
  bool collect = false;
  std::optional<std::string> once;
  bool crash = false;
};
BOOST_DESCRIBE_STRUCT(Fan, (), (count, fail, collect, once, crash))

struct Chain {
  int depth = 0;
};
BOOST_DESCRIBE_STRUCT(Chain, (), (depth))

struct Await {
  std::string id;
  int timeout = -1;
};
BOOST_DESCRIBE_STRUCT(Await, (), (id, timeout))

struct Gather {
  std::optional<int> batch;
};
BOOST_DESCRIBE_STRUCT(Gather, (), (batch))

struct Leave {
  bool bound = true;
};
BOOST_DESCRIBE_STRUCT(Leave, (), (bound))

int leaf(const Leaf& args, conduit::Context& ctx) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(args.ms);
  while (std::chrono::steady_clock::now() < end) {
    ctx.throw_if_cancelled();
    std::this_thread::sleep_for(1ms);
  }
  if (args.fail) throw conduit::Fail("leaf " + std::to_string(args.n) + " was told to fail");
  return args.n * args.n;
}

std::vector<conduit::Json> leaves(const Fan& args) {
  std::vector<conduit::Json> out;
  for (int n = 0; n < args.count; ++n) {
    // Those beside one that fails would go on for long.
    const bool fails = n == args.fail;
    out.push_back({{"n", n}, {"fail", fails}, {"ms", args.fail >= 0 && !fails && !args.collect ? 60'000 : 0}});
  }
  return out;
}

conduit::MapOptions options_of(const Fan& args) {
  conduit::MapOptions out;
  if (args.collect) out.on_failure = conduit::OnChildFailure::collect;
  out.once = args.once.value_or("");
  return out;
}

conduit::Json sum_of(const std::vector<conduit::JobEnd>& ends) {
  long sum = 0;
  int failed = 0;
  for (const auto& end : ends) {
    if (end.complete()) sum += end.result.get<long>();
    if (!end.complete()) ++failed;
  }
  return {{"sum", sum}, {"failed", failed}};
}

void crash_once(const Fan& args, conduit::Context& ctx) {
  if (args.crash && ctx.attempt() == 1) std::abort();
}

conduit::Json fan(const Fan& args, conduit::Context& ctx) {
  const auto ends = ctx.map("family.leaf", leaves(args), options_of(args));
  crash_once(args, ctx);
  return sum_of(ends);
}

asio::awaitable<conduit::Json> async_fan(Fan args, conduit::Context& ctx) {
  auto arguments = leaves(args);
  auto options = options_of(args);
  const auto ends = co_await ctx.async_map("family.leaf", std::move(arguments), std::move(options));
  crash_once(args, ctx);
  co_return sum_of(ends);
}

int chain(const Chain& args, conduit::Context& ctx) {
  if (args.depth == 0) return 0;
  const std::string child = ctx.submit(ctx.task(), {{"depth", args.depth - 1}});
  return ctx.wait(child).value().get<int>() + 1;
}

asio::awaitable<int> async_chain(Chain args, conduit::Context& ctx) {
  if (args.depth == 0) co_return 0;
  conduit::Json next = {{"depth", args.depth - 1}};
  std::string child = co_await ctx.async_submit(ctx.task(), std::move(next));
  const auto end = co_await ctx.async_wait(std::move(child));
  co_return end.value().get<int>() + 1;
}

std::vector<conduit::Job> quick_and_slow() {
  return {{"family.leaf", {{"n", 3}}}, {"family.leaf", {{"n", 4}, {"ms", 60'000}}}};
}

conduit::Json first(conduit::Context& ctx) {
  const auto ids = ctx.submit_all(quick_and_slow());
  const auto end = ctx.when_any(ids);
  ctx.cancel({ids[1]});
  return {{"first", end.id == ids[0]}, {"result", end.result}, {"other", ids[1]}};
}

asio::awaitable<conduit::Json> async_first(conduit::Context& ctx) {
  auto jobs = quick_and_slow();
  const auto ids = co_await ctx.async_submit_all(std::move(jobs));
  const auto end = co_await ctx.async_when_any(ids);
  std::vector<std::string> others{ids[1]};
  co_await ctx.async_cancel(std::move(others));
  conduit::Json out = {{"first", end.id == ids[0]}, {"result", end.result}, {"other", ids[1]}};
  co_return out;
}

std::optional<std::chrono::milliseconds> timeout_of(const Await& args) {
  if (args.timeout < 0) return std::nullopt;
  return std::chrono::milliseconds(args.timeout);
}

std::string shown(const conduit::JobEnd& end) { return std::string(end.status ? to_string(*end.status) : "unknown"); }

std::string await(const Await& args, conduit::Context& ctx) {
  try {
    return shown(ctx.wait(args.id, timeout_of(args)));
  } catch (const std::runtime_error& refused) {
    return refused.what();
  }
}

asio::awaitable<std::string> async_await(Await args, conduit::Context& ctx) {
  try {
    const auto end = co_await ctx.async_wait(args.id, timeout_of(args));
    co_return shown(end);
  } catch (const std::runtime_error& refused) {
    if (ctx.cancelled()) throw;
    co_return refused.what();
  }
}

conduit::Json gathered(const std::vector<conduit::JobEnd>& ends) {
  conduit::Json out = conduit::Json::array();
  for (const auto& end : ends) out.push_back({{"status", shown(end)}, {"result", end.result}});
  return out;
}

conduit::Json gather(const Gather&, conduit::Context& ctx) { return gathered(ctx.after()); }

asio::awaitable<conduit::Json> async_gather(Gather, conduit::Context& ctx) {
  const auto ends = co_await ctx.async_after();
  co_return gathered(ends);
}

std::vector<conduit::Job> batch_jobs(const Fan& args) {
  std::vector<conduit::Job> out;
  for (int n = 0; n < args.count; ++n) out.push_back({"family.leaf", {{"n", n}, {"fail", n == args.fail}}});
  return out;
}

conduit::BatchOptions batch_options(const Fan& args, const conduit::Context& ctx) {
  const std::string gather = ctx.task() == "family.batch" ? "family.gather" : "family.async_gather";
  return {.on_success = gather, .on_complete = gather, .once = args.once.value_or("")};
}

conduit::Json shown(const conduit::Batch& batch) {
  return {{"jobs", batch.jobs}, {"on_success", batch.on_success}, {"on_complete", batch.on_complete}};
}

conduit::Json batch(const Fan& args, conduit::Context& ctx) {
  const auto submitted = ctx.submit_batch(batch_jobs(args), batch_options(args, ctx));
  crash_once(args, ctx);
  return shown(submitted);
}

asio::awaitable<conduit::Json> async_batch(Fan args, conduit::Context& ctx) {
  auto jobs = batch_jobs(args);
  auto options = batch_options(args, ctx);
  const auto submitted = co_await ctx.async_submit_batch(std::move(jobs), std::move(options));
  crash_once(args, ctx);
  co_return shown(submitted);
}

void leave(const Leave& args, conduit::Context& ctx) {
  conduit::SubmitOptions options;
  if (args.bound) options.on_parent_end = conduit::OnParentEnd::cancel;
  const std::string child = ctx.submit("family.leaf", {{"ms", 3'600'000}}, options);
  throw conduit::Fail(child);
}

asio::awaitable<void> async_leave(Leave args, conduit::Context& ctx) {
  conduit::SubmitOptions options;
  if (args.bound) options.on_parent_end = conduit::OnParentEnd::cancel;
  conduit::Json leaf_args = {{"ms", 3'600'000}};
  std::string child = co_await ctx.async_submit("family.leaf", std::move(leaf_args), std::move(options));
  throw conduit::Fail(std::move(child));
}

}  // namespace

CONDUIT_PLUGIN("family", "1.0.0", plugin) {
  plugin.task("family.leaf", leaf);
  plugin.task("family.fan", fan);
  plugin.task("family.chain", chain);
  plugin.task("family.first", first);
  plugin.task("family.await", await);
  plugin.task("family.gather", gather);
  plugin.task("family.leave", leave);
  plugin.task("family.batch", batch);
  plugin.task("family.async_fan", async_fan);
  plugin.task("family.async_chain", async_chain);
  plugin.task("family.async_first", async_first);
  plugin.task("family.async_await", async_await);
  plugin.task("family.async_gather", async_gather);
  plugin.task("family.async_leave", async_leave);
  plugin.task("family.async_batch", async_batch);
}
