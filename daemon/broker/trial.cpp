#include "broker/trial.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "base/failpoint.h"
#include "base/json.h"
#include "base/unique_fd.h"

namespace asio = boost::asio;

namespace conduitd::broker {
namespace {

using failpoint::broken;
using failpoint::fails_at;

std::string_view charge_word(job::Settlement::Charge charge) {
  constexpr std::array<std::string_view, 4> kWords{"nothing", "failure", "crash", "interruption"};
  return kWords[static_cast<std::size_t>(charge)];
}

job::JobStatus state_after(const job::Settlement& settlement) {
  using Kind = job::Settlement::Kind;
  switch (settlement.kind) {
    case Kind::complete: return job::JobStatus::complete;
    case Kind::fail: return job::JobStatus::failed;
    case Kind::cancel: return job::JobStatus::cancelled;
    case Kind::retry: return settlement.retry_after > Millis{0} ? job::JobStatus::retrying : job::JobStatus::queued;
    case Kind::release: return job::JobStatus::queued;
  }
  return job::JobStatus::queued;
}

/// One file of a process; one write for each line.
class HistoryFile {
 public:
  HistoryFile(Clock& clock, std::string worker) : clock_(clock), worker_(std::move(worker)) {
    const char* directory = std::getenv("CONDUIT_HISTORY");
    if (directory == nullptr || *directory == '\0') return;
    const auto path = fmt::format("{}/worker-{}.jsonl", directory, ::getpid());
    file_.reset(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  }

  [[nodiscard]] bool wanted() const { return file_.valid(); }
  [[nodiscard]] double now() const {
    return std::chrono::duration<double, std::milli>(clock_.now().time_since_epoch()).count();
  }
  void write(std::string_view event, const std::string& job, std::uint32_t attempt, double from, Json more = {}) {
    Json line;
    line.set("t", to_unix_ms(clock_.wall_now())).set("m", now()).set("from", from).set("src", "daemon");
    line.set("pid", ::getpid()).set("worker", worker_).set("ev", event).set("job", job).set("att", attempt);
    if (const auto* members = more.as_object()) {
      for (const auto& [key, value] : *members) line.set(key, value);
    }
    const auto text = line.text() + '\n';
    [[maybe_unused]] const auto written = ::write(file_.get(), text.data(), text.size());
  }

 private:
  Clock& clock_;
  std::string worker_;
  UniqueFd file_;
};

class Trial final : public Broker {
 public:
  Trial(std::unique_ptr<Broker> broker, HistoryFile history) : broker_(std::move(broker)), history_(std::move(history)) {}

  asio::awaitable<Result<std::vector<Enqueued>>> enqueue(std::vector<job::NewJob> jobs) override {
    return broker_->enqueue(std::move(jobs));
  }
  asio::awaitable<Result<std::vector<job::Claim>>> claim(ClaimRequest request) override;
  void interrupt_claim() override { broker_->interrupt_claim(); }
  asio::awaitable<Result<std::vector<LeaseState>>> extend(std::vector<job::Lease> leases) override {
    if (broken("early-ack")) co_return std::vector<LeaseState>(leases.size(), LeaseState::held);
    co_return co_await broker_->extend(std::move(leases));
  }
  asio::awaitable<Result<std::vector<LeaseState>>> report(std::vector<job::Report> reports) override {
    if (broken("early-ack")) co_return std::vector<LeaseState>(reports.size(), LeaseState::held);
    co_return co_await broker_->report(std::move(reports));
  }
  asio::awaitable<Result<std::vector<Settled>>> settle(std::vector<job::Settlement> settlements) override;
  asio::awaitable<Result<Promotion>> promote_due(std::size_t most) override { return broker_->promote_due(most); }
  asio::awaitable<Result<Reclaimed>> reclaim_expired(ReclaimRequest request) override;
  asio::awaitable<Result<std::vector<Mended>>> reconcile() override { return broker_->reconcile(); }
  void on_notice(std::function<void(const Notice&)> handler) override { broker_->on_notice(std::move(handler)); }
  asio::awaitable<void> close() override { return broker_->close(); }

 private:
  asio::awaitable<Result<std::vector<Settled>>> settle_with(std::vector<job::Settlement> settlements);
  asio::awaitable<void> acknowledge(const std::vector<job::Claim>& claims);
  void note(const job::Settlement& settlement, Settled settled, double from);

  std::unique_ptr<Broker> broker_;
  HistoryFile history_;
};

asio::awaitable<Result<std::vector<job::Claim>>> Trial::claim(ClaimRequest request) {
  const auto from = history_.now();
  auto claims = co_await broker_->claim(std::move(request));
  if (!claims.has_value() || claims.value().empty()) co_return claims;
  if (fails_at("claim.after_deliver")) co_return Error(Errc::unavailable, "failpoint claim.after_deliver");
  if (history_.wanted()) {
    for (const auto& claim : claims.value()) {
      Json more;
      more.set("task", claim.lease.task).set("q", claim.lease.queue);
      history_.write("begin", claim.lease.job_id, claim.lease.attempt, from, std::move(more));
    }
  }
  if (broken("early-ack")) co_await acknowledge(claims.value());
  co_return claims;
}

/// The lie of early-ack: a job is complete when it is taken, whatever becomes of it.
asio::awaitable<void> Trial::acknowledge(const std::vector<job::Claim>& claims) {
  std::vector<job::Settlement> settlements(claims.size());
  for (std::size_t i = 0; i < claims.size(); ++i) {
    settlements[i].lease = claims[i].lease;
    settlements[i].result = "null";
  }
  static_cast<void>(co_await settle_with(std::move(settlements)));
}

asio::awaitable<Result<std::vector<Settled>>> Trial::settle(std::vector<job::Settlement> settlements) {
  if (broken("early-ack")) co_return std::vector<Settled>(settlements.size(), Settled::applied);
  if (fails_at("finish.before_send")) co_return Error(Errc::unavailable, "failpoint finish.before_send");
  auto settled = co_await settle_with(std::move(settlements));
  if (settled.has_value() && fails_at("finish.after_send")) co_return Error(Errc::unavailable, "failpoint finish.after_send");
  co_return settled;
}

asio::awaitable<Result<std::vector<Settled>>> Trial::settle_with(std::vector<job::Settlement> settlements) {
  const auto from = history_.now();
  if (!history_.wanted()) co_return co_await broker_->settle(std::move(settlements));
  auto settled = co_await broker_->settle(settlements);
  for (std::size_t i = 0; settled.has_value() && i < settled.value().size(); ++i) note(settlements[i], settled.value()[i], from);
  co_return settled;
}

void Trial::note(const job::Settlement& settlement, Settled settled, double from) {
  Json more;
  more.set("state", job::to_string(state_after(settlement))).set("charge", charge_word(settlement.charge));
  if (settlement.kind == job::Settlement::Kind::retry) more.set("after_ms", settlement.retry_after.count());
  if (settled == Settled::repeated) more.set("repeated", true);
  const auto* event = settled == Settled::lost                                 ? "finish_fenced"
                      : settlement.kind == job::Settlement::Kind::release ? "release"
                                                                          : "finish_ok";
  history_.write(event, settlement.lease.job_id, settlement.lease.attempt, from, std::move(more));
}

asio::awaitable<Result<Reclaimed>> Trial::reclaim_expired(ReclaimRequest request) {
  if (broken("no-reclaim")) co_return Reclaimed{};
  const auto from = history_.now();
  auto reclaimed = co_await broker_->reclaim_expired(request);
  if (!reclaimed.has_value() || !history_.wanted()) co_return reclaimed;
  for (const auto& entry : reclaimed.value().entries) {
    Json more;
    more.set("state", job::to_string(entry.poison ? job::JobStatus::failed : job::JobStatus::queued)).set("charge", "crash");
    history_.write("reclaim", entry.job_id, entry.attempt, from, std::move(more));
  }
  co_return reclaimed;
}

}  // namespace

std::unique_ptr<Broker> put_on_trial(std::unique_ptr<Broker> broker, Clock& clock, std::string worker) {
  return std::make_unique<Trial>(std::move(broker), HistoryFile(clock, std::move(worker)));
}

}  // namespace conduitd::broker
